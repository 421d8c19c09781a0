import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { countOf, DsyncdError, formatSpan, messageOf } from '@dsyncd/core';
import type { Journal, Owner, Place, Plan } from '@dsyncd/pairing';
import type { CommandContext } from '../context.ts';
import { healthOf, type ReplicationHealth } from '../replication-health.ts';
import { ReplicatorClient } from '../replicator/client.ts';
import type { Dialog } from './dialog.ts';
import type { ServicesMode } from './options.ts';
import {
  enableUnit,
  isUnitEnabled,
  makeTmpfiles,
  reloadDovecot,
  startLines,
  startProgram,
} from './services.ts';

export interface FinishOptions {
  readonly mode: ServicesMode;
  readonly plan: Plan;
  readonly place: Place;
  readonly owner: Owner | undefined;
  readonly root: string;
  readonly waitMs: number;
  readonly probe: string | undefined;
  readonly note: (entries: Journal['entries']) => Promise<void>;
}

/** How the pair stands in the end. */
export type FinishResult = 'good' | 'problems' | 'not started';

const lookEveryMs = 200;

/** Starts the programs, checks both ways, and watches the first sync to its end. */
export async function finishPair(
  context: CommandContext,
  dialog: Dialog,
  options: FinishOptions,
): Promise<FinishResult> {
  await startServices(context, dialog, options);
  if (!(await waitForBoth(context, dialog, options))) return 'not started';
  const { probe } = options;
  const early = await runDoctor(options, dialog.isJson);
  // What stands between the two hosts is to be seen before the sync that would wait for it.
  if (!early.isGood || probe === undefined) await showDoctor(dialog, early);
  const isSynced = await watchFirstSync(context, dialog, options);
  if (probe === undefined) return early.isGood && isSynced ? 'good' : 'problems';
  // Only now: two hosts that meet for the first time merge what one of them deletes meanwhile, too, and the canary would stay.
  const late = await runDoctor(options, dialog.isJson, ['--probe', probe]);
  await showDoctor(dialog, late);
  return late.isGood && isSynced ? 'good' : 'problems';
}

async function startServices(context: CommandContext, dialog: Dialog, options: FinishOptions): Promise<void> {
  const { mode, plan, place, owner, note } = options;
  const { services } = plan;
  const isDovecot = plan.own.engine === 'dovecot';
  if (mode === 'none') {
    const lines = [
      ...(isDovecot ? ['doveadm reload'] : []),
      ...(plan.links.length === 0 ? [] : [`systemd-tmpfiles --create ${place.files.tmpfiles}`]),
      ...startLines(services, place),
    ];
    await dialog.show(
      'start',
      ['Start these now, on this host:', ...lines.map((line) => `  ${line}`)].join('\n'),
      { lines },
    );
    return;
  }
  if (isDovecot) await connectDovecot(context, dialog, options);
  if (mode === 'systemd') {
    for (const name of services) {
      if (!(await isUnitEnabled(name))) await note([{ kind: 'unit', name }]);
      await enableUnit(name);
    }
  } else {
    await note(services.map((name) => ({ kind: 'program', name, config: place.configFile })));
    for (const name of services) await startProgram(name, place, owner);
  }
  await dialog.show('started', `Started ${services.join(', ')}.`, { services });
}

/**
 * Dovecot takes its part, then the links to the sockets of dsyncd are made: Dovecot removes its own sockets of these names when it
 * reads that it has them no more, and the links with them were they there before.
 */
async function connectDovecot(
  { clock }: CommandContext,
  dialog: Dialog,
  { plan, place, root, note, waitMs }: FinishOptions,
): Promise<void> {
  await note(plan.links.map((link) => ({ kind: 'link', ...link })));
  try {
    await reloadDovecot(root);
    const socket = join(place.dovecotRunDir, 'dsyncd-doveadm');
    const deadline = clock.elapsed() + waitMs;
    while (!existsSync(socket) && clock.elapsed() < deadline) await clock.sleep(lookEveryMs);
  } catch (error) {
    await dialog.show('warning', `Dovecot was not reloaded (${messageOf(error)}): reload or start it.`);
  }
  if (plan.links.length > 0) await makeTmpfiles(place.files.tmpfiles);
}

/** True when dsyncd runs here and the other host can be reached; otherwise says what is missing. */
async function waitForBoth(
  context: CommandContext,
  dialog: Dialog,
  { place, plan, waitMs }: FinishOptions,
): Promise<boolean> {
  const { clock } = context;
  const deadline = clock.elapsed() + waitMs;
  for (;;) {
    const missing = await whatIsMissing(place, plan);
    if (missing === undefined) return true;
    if (clock.elapsed() >= deadline) {
      await dialog.show(
        'not-started',
        `Not checked: ${missing}. Then run \`dsyncadm doctor\` on both hosts and, where one was in a pair before, \`dsyncadm replicator replicate -f '*'\` there.`,
        { missing },
      );
      return false;
    }
    dialog.progress(`waiting: ${missing}`);
    await clock.sleep(lookEveryMs);
  }
}

async function whatIsMissing(place: Place, { peer, peerPort }: Plan): Promise<string | undefined> {
  try {
    (await ReplicatorClient.connect(replicatorSocket(place))).close();
  } catch (error) {
    if (!(error instanceof DsyncdError)) throw error;
    return `dsyncd does not run here yet (${error.message})`;
  }
  return (await canReach(peer.address, peerPort))
    ? undefined
    : `nothing answers at ${peer.address} port ${peerPort} yet`;
}

const replicatorSocket = ({ runDir }: Place): string => join(runDir, 'replicator-doveadm');

async function canReach(address: string, port: number): Promise<boolean> {
  const socket = connect({ host: address, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    // The caller asks again.
    return false;
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}

interface DoctorResult {
  readonly isGood: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a process of its own, as doctor becomes the owner of the mail. */
async function runDoctor(
  { place }: FinishOptions,
  isJson: boolean,
  more: readonly string[] = [],
): Promise<DoctorResult> {
  const args = ['-c', place.configFile, 'doctor', ...more, ...(isJson ? ['--json'] : [])];
  const { code, stdout, stderr } = await runSelf(args);
  return { isGood: code === 0 || code === 1, stdout, stderr };
}

async function showDoctor(dialog: Dialog, { isGood, stdout, stderr }: DoctorResult): Promise<void> {
  const checks = dialog.isJson && stdout !== '' ? (JSON.parse(stdout) as unknown) : undefined;
  await dialog.show('doctor', `${stdout}${stderr}`.trimEnd(), { good: isGood, result: checks });
}

function runSelf(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [process.argv[1] ?? '', ...args],
      { maxBuffer: 16_000_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** Until nobody is behind, or only those are left whom a person must help. */
async function watchFirstSync(
  { clock }: CommandContext,
  dialog: Dialog,
  { place }: FinishOptions,
): Promise<boolean> {
  const startedAt = clock.elapsed();
  const client = await ReplicatorClient.connect(replicatorSocket(place));
  try {
    // A queue from before remembers syncs with another host, which say nothing of this one.
    await client.replicate({ mask: '*', priority: 'low', full: true });
    for (;;) {
      const health = await healthOf(client, clock.now, {});
      const users = health.channels.reduce((sum, channel) => sum + channel.users, 0);
      const left = health.behind.length;
      if (left === 0 || isStuck(health)) {
        dialog.progress('');
        const isDone = left === 0;
        const spent = formatSpan(clock.elapsed() - startedAt);
        const text = isDone
          ? `First sync: ${countOf(users, 'user')} replicated after ${spent}.`
          : `First sync: ${left} of ${countOf(users, 'user')} need a person: \`dsyncadm status\` says what to do.`;
        await dialog.show('synced', text, { users, left });
        return isDone;
      }
      dialog.progress(progressText(users, left, health));
      await clock.sleep(lookEveryMs);
    }
  } finally {
    client.close();
  }
}

const barChars = 30;

function progressText(users: number, left: number, { behind }: ReplicationHealth): string {
  const done = users - left;
  const filled = Math.round((done / Math.max(users, 1)) * barChars);
  const running = behind.filter(({ state }) => state === 'running').length;
  return `first sync [${'#'.repeat(filled).padEnd(barChars, '.')}] ${done} of ${users} users, ${running} running`;
}

/** Nobody is left whom time alone helps. */
const isStuck = ({ behind }: ReplicationHealth): boolean =>
  behind.every(({ state }) => state === 'quarantined' || state === 'paused');
