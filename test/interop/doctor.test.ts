import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DovecotHost, dovecotProblem, dovecotVersions, freePort, programFile, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Examined, examine } from './support/doctor.ts';

const users = ['ann@example.com', 'bob@example.com'];
const ann = 'ann@example.com';
const configFile = (host: DovecotHost): string => join(host.folder, 'dsyncd.toml');

/** Runs doctor while the configuration of dsyncd is another one. */
async function withConfig(
  host: DovecotHost,
  change: (toml: string) => string,
  doveconf: string,
): Promise<Examined> {
  const toml = await readFile(configFile(host), 'utf8');
  const file = join(host.folder, 'broken.toml');
  expect(change(toml)).not.toBe(toml);
  await writeFile(file, change(toml));
  return examine(file, { doveconf });
}

/** Further lines below everything else. */
const adding =
  (...lines: readonly string[]) =>
  (text: string): string =>
    `${text}\n${lines.join('\n')}\n`;

describe.each(dovecotVersions)('doctor beside Dovecot %s', (version) => {
  let a: DovecotHost;
  let b: DovecotHost;
  let sound: string;
  const isThere = dovecotProblem(version) === undefined;

  beforeAll(async () => {
    if (!isThere) return;
    [a, b] = await Promise.all([
      DovecotHost.start({ name: 'a', version, users }),
      DovecotHost.start({ name: 'b', version, users }),
    ]);
    await a.startDsyncd(b.dovecot.tcp);
    await b.startDsyncd(a.dovecot.tcp);
    sound = await a.dovecot.doveconf();
  });
  afterAll(async () => {
    await Promise.all([a, b].map((host) => host?.stop()));
  });

  /** Doctor on a, with another Dovecot configuration than the sound one. */
  const examineA = (doveconf = sound, ...args: readonly string[]): Promise<Examined> =>
    examine(configFile(a), { doveconf, args });

  test.skipIf(!isThere)('finds nothing wrong with a sound pair, and a canary goes all the way', async () => {
    const result = await examineA(sound, '--probe', ann);
    expect(result).toMatchObject({ code: 0, bad: [] });
    expect(
      result.checks.filter(({ severity }) => severity === 'unchecked').map(({ check }) => check),
    ).toEqual(['way-back']);
    expect(result.of('host-names').message).toBe('a.test here, b.test there');
    const steps = ['deliver', 'flag', 'back', 'rename', 'expunge', 'remove'];
    for (const step of steps) expect(result.of(`probe-${step}`).tookMs).toBeLessThan(10_000);
    for (const { dovecot } of [a, b])
      expect(await dovecot.doveadm(['mailbox', 'list', '-u', ann])).not.toContain('dsyncd-probe');
  });

  test.skipIf(!isThere)('finds a protocol that does not notify', async () => {
    const lines =
      version === '2.3'
        ? ['protocol lmtp {', '  mail_plugins = quota', '}']
        : ['protocol lmtp {', '  mail_plugins {', '    push_notification_lua = no', '  }', '}'];
    const { code, of, bad } = await examineA(await a.dovecot.doveconf(adding(...lines)));
    expect({ code, bad }).toEqual({ code: 2, bad: ['notify-protocols'] });
    expect(of('notify-protocols').message).toMatch(/changes by lmtp are not notified: mail_plugins lacks /);
    expect(of('notify-protocols').remedy).toContain('doveadm reload');
  });

  test.skipIf(!isThere)('finds a mailbox that has the name which dsync gives in a conflict', async () => {
    await a.dovecot.doveadm(['mailbox', 'create', '-u', ann, 'Work-temp-1']);
    const { code, of, bad } = await examineA();
    expect({ code, bad }).toEqual({ code: 1, bad: ['mailboxes'] });
    expect(of('mailboxes').message).toContain('Work-temp-1 of ann@example.com');
    for (const { dovecot } of [a, b])
      await until('it is gone', async () => {
        await dovecot.tryDoveadm(['mailbox', 'delete', '-u', ann, 'Work-temp-1']);
        return !(await dovecot.doveadm(['mailbox', 'list', '-u', ann])).includes('temp');
      });
  });

  test.skipIf(!isThere)('finds a secret that the other end does not take', async () => {
    await writeFile(join(a.folder, 'other-secret'), 'guess\n', { mode: 0o600 });
    const { code, of, bad } = await withConfig(
      a,
      (toml) => toml.replace(a.secretFile, join(a.folder, 'other-secret')),
      sound,
    );
    expect({ code, bad }).toEqual({ code: 2, bad: ['own-listener', 'peer'] });
    expect(of('peer').message).toContain('does not accept our secret');
    expect(of('peer').remedy).toContain('doveadm_password');
    expect(of('own-listener').message).toContain('does not take our secret');
    expect(of('clocks').message).toBe('not checked: the other end cannot be asked, see "peer"');
  });

  test.skipIf(!isThere)('finds that nobody listens at the other end', async () => {
    const port = await freePort();
    const { of, bad } = await withConfig(
      a,
      (toml) => toml.replace(b.dovecot.tcp, `tcp:127.0.0.1:${port}`),
      sound,
    );
    expect(bad).toEqual(['peer']);
    expect(of('peer').message).toContain(`127.0.0.1:${port}`);
    expect(of('peer').remedy).toContain('check host, port and firewall');
  });

  test.skipIf(!isThere)('finds TLS wanted of a port that has none', async () => {
    const { of } = await withConfig(
      a,
      (toml) => toml.replace(b.dovecot.tcp, b.dovecot.tcp.replace('tcp:', 'tcps:')),
      sound,
    );
    expect(of('peer')).toMatchObject({ severity: 'problem' });
    expect(of('peer').remedy).toMatch(/tcp:|ssl/);
  });

  test.skipIf(!isThere)('finds a channel that leads to the host itself', async () => {
    const { of, bad } = await withConfig(a, (toml) => toml.replace(b.dovecot.tcp, a.dovecot.tcp), sound);
    expect(bad).toEqual(['not-ourselves', 'host-names']);
    expect(of('not-ourselves').message).toContain('leads to this host itself');
  });

  test.skipIf(!isThere)('finds two hosts of one name', async () => {
    const twin = await DovecotHost.start({ name: 'a', version, users });
    try {
      const { of, bad } = await withConfig(a, (toml) => toml.replace(b.dovecot.tcp, twin.dovecot.tcp), sound);
      expect(bad).toEqual(['host-names']);
      expect(of('host-names').message).toBe('both ends call themselves a.test');
      expect(of('host-names').remedy).toContain('hostname -f');
    } finally {
      await twin.stop();
    }
  });

  test.skipIf(!isThere)('finds users whom only one of the hosts has', async () => {
    const { usersFile } = b.dovecot.place;
    const before = await readFile(usersFile, 'utf8');
    await writeFile(usersFile, before.replaceAll('bob@', 'zoe@'));
    try {
      const { of, bad } = await examineA();
      expect(bad).toEqual(['same-users']);
      expect(of('same-users').message).toBe(
        '2 users here, 2 there: 1 only here (bob@example.com), 1 only there (zoe@example.com)',
      );
    } finally {
      await writeFile(usersFile, before);
    }
  });

  test.skipIf(!isThere)('finds an auth socket that does not list the users', async () => {
    const { of } = await withConfig(a, (toml) => toml.replace('dsyncd-userdb', 'no-such-socket'), sound);
    expect(of('users')).toMatchObject({ severity: 'problem' });
    expect(of('users').remedy).toContain('auth_socket_path');
  });

  test.skipIf(!isThere)('finds a state folder that is not there', async () => {
    const { of, bad } = await withConfig(
      a,
      (toml) => toml.replace(join(a.folder, 'state'), join(a.folder, 'gone')),
      sound,
    );
    expect(bad).toEqual(['state-dir']);
    expect(of('state-dir').remedy).toContain('StateDirectory');
  });

  test.skipIf(!isThere)(
    'finds a dsyncd that does not run, and a probe leaves nothing behind then',
    async () => {
      await a.dsyncd.end('SIGTERM');
      try {
        const { code, of, bad } = await examineA(sound, '--probe', ann, '--probe-timeout', '1');
        expect(code).toBe(2);
        expect(bad).toContain('dsyncd');
        expect(of('dsyncd').remedy).toContain('start dsyncd');
        expect(of('probe-deliver').message).toMatch(/not there after 1.0 s: dsyncd does not answer/);
        for (const { dovecot } of [a, b])
          expect(await dovecot.doveadm(['mailbox', 'list', '-u', ann])).not.toContain('dsyncd-probe');
      } finally {
        const seen = a.dsyncd.lines.length;
        a.dsyncd.start();
        await a.dsyncd.waitForLog((line) => line.includes('"msg":"ready"'), seen);
      }
    },
  );

  if (version === '2.3') {
    const fifoOf = (host: DovecotHost): string =>
      join(host.dovecot.place.folder, 'run', 'replication-notify-fifo');

    test.skipIf(!isThere)('finds a quota dict that both hosts would write', async () => {
      const { of, bad } = await examineA(
        await a.dovecot.doveconf(
          adding(
            'plugin {',
            '  quota = dict:User quota::proxy::quota',
            '}',
            'dict {',
            '  quota = redis:host=db.example.com:prefix=quota/',
            '}',
          ),
        ),
      );
      expect(bad).toEqual(['quota']);
      expect(of('quota').message).toContain('db.example.com');
    });

    test.skipIf(!isThere)('finds that Dovecot writes to no FIFO', async () => {
      await rename(fifoOf(a), `${fifoOf(a)}.away`);
      try {
        const { of, bad } = await examineA();
        expect(bad).toEqual(['notify-places']);
        expect(of('notify-places').message).toContain('does not exist');
        expect(of('notify-places').remedy).toContain('tmpfiles.conf');
      } finally {
        await rename(`${fifoOf(a)}.away`, fifoOf(a));
      }
    });

    test.skipIf(!isThere)('finds the FIFO of another replicator', async () => {
      await rename(fifoOf(a), `${fifoOf(a)}.away`);
      execFileSync('mkfifo', [fifoOf(a)]);
      try {
        const { of, bad } = await examineA();
        expect(bad).toEqual(['notify-places']);
        expect(of('notify-places').message).toContain('another replicator gets the notifications');
      } finally {
        await rm(fifoOf(a));
        await rename(`${fifoOf(a)}.away`, fifoOf(a));
      }
    });

    test.skipIf(!isThere || process.getuid?.() !== 0)(
      'finds a FIFO that mail processes may not write',
      async () => {
        await chmod(fifoOf(a), 0o400);
        try {
          const { of, bad } = await examineA();
          expect(bad).toEqual(['notify-places']);
          expect(of('notify-places').message).toMatch(/notifications are lost: .*mode 0400/);
          expect(of('notify-places').remedy).toContain('[listeners.notify]');
        } finally {
          await chmod(fifoOf(a), 0o660);
        }
      },
    );

    test.skipIf(!isThere)('finds a replication plugin that sleeps', async () => {
      const doveconf = await a.dovecot.doveconf((text) => text.replace('mail_replica = dsyncd', ''));
      const { of } = await examineA(doveconf);
      expect(of('notify-protocols').message).toContain('asleep');
    });
  } else {
    test.skipIf(!isThere)('finds Lua notification without mail_lua', async () => {
      const doveconf = await a.dovecot.doveconf((text) => text.replace('mail_lua = yes', 'mail_lua = no'));
      expect((await examineA(doveconf)).of('notify-protocols').message).toContain('no mail process starts');
    });

    test.skipIf(!isThere)('finds a spool folder that Dovecot and dsyncd do not share', async () => {
      const spool = join(a.folder, 'spool');
      const { of, bad } = await withConfig(a, (toml) => toml.replace(spool, `${spool}2`), sound);
      expect(bad).toEqual(['notify-places']);
      expect(of('notify-places').message).toBe(
        `Dovecot writes its notifications to ${spool}, dsyncd reads ${spool}2`,
      );
    });

    test.skipIf(!isThere || process.getuid?.() !== 0)(
      'finds a spool folder that mail processes may not write',
      async () => {
        const spool = join(a.folder, 'spool');
        await chmod(spool, 0o500);
        try {
          const { of } = await examineA();
          expect(of('notify-places').message).toContain('notifications are lost');
          expect(of('notify-places').remedy).toContain('chown 65534:65534');
        } finally {
          await chmod(spool, 0o755);
        }
      },
    );

    test.skipIf(!isThere)('finds the option that 2.4.0 to 2.4.2 pass over SSH and refuse', async () => {
      const { of } = await withConfig(a, (toml) => toml.replace(b.dovecot.tcp, 'remote:vmail@b.test'), sound);
      expect(of('ssh-command').message).toContain('-U');
      expect(of('ssh-command').remedy).toContain(
        'dsync_remote_cmd = ssh -l%{login} %{host} doveadm dsync-server',
      );
    });
  }

  test.skipIf(!isThere)('cleans up when it is interrupted', async () => {
    await a.dsyncd.end('SIGTERM');
    const boxes = (): Promise<string> => a.dovecot.doveadm(['mailbox', 'list', '-u', ann]);
    try {
      const child = spawn(process.execPath, [
        programFile('dsyncadm'),
        ...['-c', configFile(a), 'doctor', '--probe', ann, '--doveconf', join(a.folder, 'doveconf.txt')],
      ]);
      await until('the canary is there', async () => (await boxes()).includes('dsyncd-probe-'));
      child.kill('SIGINT');
      await once(child, 'close');
      expect(await boxes()).not.toContain('dsyncd-probe-');
    } finally {
      const seen = a.dsyncd.lines.length;
      a.dsyncd.start();
      await a.dsyncd.waitForLog((line) => line.includes('"msg":"ready"'), seen);
    }
  });
});
