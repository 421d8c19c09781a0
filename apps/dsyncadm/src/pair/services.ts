import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chown, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, DsyncdError, systemCode } from '@dsyncd/core';
import type { Machine, Owner, Place, Plan } from '@dsyncd/pairing';
import { command } from './command.ts';
import { dovecotConfOf } from './here.ts';
import type { ServicesMode } from './options.ts';
import { reloadSshd } from './ssh.ts';

const run = promisify(execFile);
/** A program that was asked to end is left after this. */
const endMsMax = 20_000;
const lookEveryMs = 50;

/** As the units in deploy/systemd set it. */
const programEnvironment = {
  UV_THREADPOOL_SIZE: '16',
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_ARENA_MAX: '2',
};

/** Lines for a person who starts the programs without systemd. */
export const startLines = (services: readonly string[], place: Place): readonly string[] =>
  services.map(
    (name) =>
      `setpriv --reuid ${place.user} --regid ${place.group} --init-groups ${name} -c ${place.configFile}`,
  );

/** What the plan says of the programs, one line each. */
export async function serviceLines({ services, user }: Plan, mode: ServicesMode): Promise<readonly string[]> {
  if (mode === 'systemd') return Promise.all(services.map(unitLine));
  const how =
    mode === 'start' ? `in the background, as ${user}` : 'by you: the command lines come in the end';
  return [`start   ${services.join(', ')}  (${how})`];
}

/** The file of a unit, and the sockets that go with it. */
async function unitLine(name: string): Promise<string> {
  const shown = await command('systemctl', ['show', '--property=FragmentPath,TriggeredBy', name]);
  const shownAs = (property: string): string =>
    new RegExp(`^${property}=(.*)$`, 'm').exec(shown)?.[1]?.trim() ?? '';
  const sockets = shownAs('TriggeredBy').split(' ').filter(Boolean);
  const more = sockets.length === 0 ? '' : `; with ${sockets.join(', ')}`;
  return `enable  ${name}.service  (${shownAs('FragmentPath')}${more})`;
}

/** Enables a unit and starts it. */
export async function enableUnit(name: string): Promise<void> {
  await command('systemctl', ['daemon-reload']);
  await command('systemctl', ['enable', '--now', name]);
}

/** True for a unit that starts with the host already: `undo` leaves it alone. */
export const isUnitEnabled = (name: string): Promise<boolean> =>
  run('systemctl', ['is-enabled', '--quiet', name]).then(
    () => true,
    () => false,
  );

/** Starts a program that outlives this one, as the owner of the mail; its log goes to state_dir. */
export async function startProgram(name: string, place: Place, owner: Owner | undefined): Promise<void> {
  const file = join(dirname(process.argv[1] ?? ''), `${name}.js`);
  const logFile = join(place.stateDir, `${name}.log`);
  const log = openSync(logFile, 'a', 0o600);
  try {
    if (owner !== undefined) await chown(logFile, owner.uid, owner.gid);
    const child = spawn(process.execPath, [file, '-c', place.configFile], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...programEnvironment },
      ...(owner === undefined ? {} : { uid: owner.uid, gid: owner.gid }),
    });
    child.on('error', () => {
      // The program is missed later, by its port: the log has nothing then, and the message names it.
    });
    child.unref();
  } finally {
    closeSync(log);
  }
}

/** What {@link undoJournal} needs of the machine. */
export const realMachine = (root: string, clock: Clock): Machine => ({
  disableUnit: async (name) => {
    // Its sockets, too: they would start it again.
    const sockets = await command('systemctl', ['show', '--property=TriggeredBy', '--value', name]);
    await command('systemctl', ['disable', '--now', ...sockets.split(/\s+/).filter(Boolean), name]);
  },
  endProgram: (name, config) => endPrograms(name, config, clock),
  reloadDovecot: async () => {
    // One that does not run reads its configuration when it starts.
    await reloadDovecot(root).catch(() => undefined);
  },
  reloadSshd: () => reloadSshd(root),
});

/** Lets Dovecot read its configuration again. @throws when it does not run */
export async function reloadDovecot(root: string): Promise<void> {
  await command('doveadm', ['-c', dovecotConfOf(root), 'reload']);
}

export async function makeTmpfiles(file: string): Promise<void> {
  await command('systemd-tmpfiles', ['--create', file]);
}

async function endPrograms(name: string, config: string, clock: Clock): Promise<boolean> {
  const pids = await pidsOf(name, config);
  for (const pid of pids) kill(pid, 'SIGTERM');
  const deadline = clock.elapsed() + endMsMax;
  while ((await pidsOf(name, config)).length > 0) {
    if (clock.elapsed() > deadline)
      throw new DsyncdError('DSYNCD_SYSTEM', `${name} does not end (process ${pids.join(', ')})`, {
        outcome: 'transient',
        hint: 'see its log; then run `dsyncadm pair undo` again',
      });
    await clock.sleep(lookEveryMs);
  }
  return pids.length > 0;
}

/** Processes that were started as {@link startProgram} starts this program: by their command line, as a PID alone may be another's by now. */
async function pidsOf(name: string, config: string): Promise<readonly number[]> {
  const numbers = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(
    numbers.map(async (pid) => {
      // It may have ended since the folder was listed.
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const [, program = '', option, file] = line.split('\0');
      return program.endsWith(`/${name}.js`) && option === '-c' && file === config ? [pid] : [];
    }),
  );
  return found.flat();
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}
