import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const folder = new URL('../../deploy/prometheus/', import.meta.url).pathname;
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: { readonly summary?: string; readonly description?: string };
}
const rules = (parse(read('alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read('grafana-dashboard.json')) as { readonly panels: readonly Panel[] };

describe('alert rules', () => {
  it('say how bad it is, how long it lasts, what it is and what to do', () => {
    expect(rules.length).toBeGreaterThan(10);
    for (const { alert, labels, annotations, for: duration } of rules) {
      expect(alert).toMatch(/^Dsyncd[A-Za-z]+$/);
      expect(['critical', 'warning'], alert).toContain(labels?.severity);
      expect(duration, alert).toMatch(/^\d+[mhd]$/);
      expect(annotations?.summary, alert).toMatch(/\{\{ \$labels\.instance \}\}/);
      expect(annotations?.description?.length, alert).toBeGreaterThan(60);
    }
  });

  it.skipIf(!hasPromtool)('are understood by Prometheus, and fire when they should', () => {
    const run = (...args: string[]): string =>
      execFileSync('promtool', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    expect(run('check', 'rules', 'alerts.yml')).toContain(`${rules.length} rules found`);
    expect(run('test', 'rules', 'alerts-test.yml')).toContain('SUCCESS');
    expect(run('check', 'config', '--syntax-only', 'prometheus.yml')).toContain('SUCCESS');
  });

  it('are all tested, in the quiet and in problem', () => {
    const tests = read('alerts-test.yml');
    for (const { alert } of rules) expect(tests, alert).toContain(alert);
  });
});

describe('the metrics of a real dsyncd', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'dsyncd-metrics-'));
  let hosts: readonly Host[] = [];
  let page = '';
  let names = new Set<string>();

  beforeAll(async () => {
    const pair = await createPair({ folder: scratch, hasHttp: true });
    hosts = [pair.a, pair.b];
    await Promise.all(hosts.map((host) => host.start()));
    await pair.a.deliver('ann@example.com', 'Subject: hello\r\n\r\nhello\r\n');
    const { url, token } = pair.a.http;
    const get = async (): Promise<string> => {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status).toBe(200);
      return answer.text();
    };
    await until('the sync is counted', async () => {
      page = await get();
      return /dsyncd_syncs_total\{.*outcome="ok"\} [1-9]/.test(page);
    });
    names = new Set(
      [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
  });

  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    rmSync(scratch, { recursive: true, force: true });
  });

  it('hold every item that an operator asks for, and no user name', () => {
    for (const line of [
      /dsyncd_queue_users\{channel="default",state="(sync|high|low)"\} \d/,
      /dsyncd_oldest_lag_seconds\{channel="default"\} \d/,
      /dsyncd_users_behind\{channel="default",longer_than="60"\} \d/,
      /dsyncd_syncs_total\{channel="default",type="full",outcome="ok"\} [1-9]/,
      /dsyncd_sync_duration_seconds_bucket\{le="10",channel="default",type="full"\} [1-9]/,
      /dsyncd_sync_lag_seconds_count\{channel="default",priority="high"\} [1-9]/,
      /dsyncd_sync_mails_total\{channel="default",direction="sent"\} 1/,
      /dsyncd_sync_bytes_total\{channel="default",direction="sent"\} [1-9]/,
      /dsyncd_sync_bodies_spared_total\{channel="default"\} \d/,
      /dsyncd_connections\{channel="default"\} \d/,
      /dsyncd_connections_max 10/,
      /dsyncd_breaker_state\{channel="default",state="closed"\} 1/,
      /# TYPE dsyncd_sync_retries_total counter/,
      /dsyncd_notifications_total\{source="(fifo|socket)"\} [1-9]/,
      /dsyncd_verifications_total\{channel="default",result="first"\} [1-9]/,
      /dsyncd_oldest_verification_seconds\{channel="default"\} \d/,
      /dsyncd_users_unverified\{channel="default",longer_than="86400"\} \d/,
    ])
      expect(page).toMatch(line);
    expect(page).not.toContain('ann@');
  });

  it.skipIf(!hasPromtool)('are clean for promtool', () => {
    // What prom-client says of Node itself has names that promtool does not like.
    const ours = page.split('\n').filter((line) => /^(# \w+ )?dsyncd_/.test(line));
    expect(ours.length).toBeGreaterThan(50);
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: `${ours.join('\n')}\n`,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it.each([
    ['alert rules', () => rules.map(({ alert, expr }) => ({ where: alert, expr }))],
    [
      'panels of Grafana',
      () =>
        dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: title, expr }))),
    ],
  ])('have every name that the %s use', (_, expressions) => {
    let count = 0;
    for (const { where, expr } of expressions())
      for (const [name] of expr.matchAll(/\b(dsyncd|nodejs|process)_\w+/g)) {
        expect(names.has(name), `${name} of ${where}`).toBe(true);
        count++;
      }
    expect(count).toBeGreaterThan(15);
  });

  it.skipIf(!hasPromtool)('make panels that Prometheus can compute', () => {
    const exprs = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const recorded = exprs.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    writeFileSync(
      join(scratch, 'panels.yml'),
      JSON.stringify({ groups: [{ name: 'panels', rules: recorded }] }),
    );
    const checked = execFileSync('promtool', ['check', 'rules', 'panels.yml'], {
      cwd: scratch,
      encoding: 'utf8',
    });
    expect(checked).toContain(`${exprs.length} rules found`);
  });
});
