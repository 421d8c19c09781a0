import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DovecotVersion } from '@dsyncd/testkit';
import type { World } from './world.ts';

/** Where one user's mail is. */
export interface Place {
  readonly world: World;
  readonly user: string;
  /** Of the built-in store. */
  readonly ourHome: string;
}

/** A reason not to take mails, and how it comes and goes. */
export interface Refusal {
  readonly name: string;
  /** Who refuses. */
  readonly at: 'theirs' | 'ours';
  /** What the failure of a sync led by ours says. */
  readonly says: RegExp;
  readonly hint: RegExp;
  /** The versions of Dovecot that refuse: a dsync may fill a mailbox beyond its quota, and with 2.4 beyond the size of a mail. */
  readonly versions: readonly DovecotVersion[];
  /** Before the user has mail. */
  prepare?(place: Place): Promise<void>;
  begin?(place: Place): Promise<void>;
  /** The remedy that the failure names; missing: the mail that is refused is expunged. */
  end?(place: Place): Promise<void>;
}

export const mailSizeMax = 100_000;
const quotaMegabytes = 1;

export const quotaSettings = (version: DovecotVersion): readonly string[] =>
  version === '2.3'
    ? [
        'mail_plugins = quota',
        'plugin {',
        '  quota = count:User quota',
        '  quota_vsizes = yes',
        `  quota_rule = *:storage=${quotaMegabytes}M`,
        `  quota_max_mail_size = ${mailSizeMax}`,
        '}',
      ]
    : [
        'mail_plugins {',
        '  quota = yes',
        '}',
        `quota_mail_size = ${mailSizeMax}`,
        'quota "User quota" {',
        `  quota_storage_size = ${quotaMegabytes}M`,
        '}',
      ];

const theirHome = ({ world, user }: Place): string => join(world.dovecot.place.mailFolder, user);

/** Mounts a small disk over the home, where the Dovecot sees it. */
async function mountTheirs(place: Place): Promise<void> {
  const home = theirHome(place);
  await mkdir(home, { recursive: true });
  const options = ['-t', 'tmpfs', '-o', 'size=2m,uid=65534,gid=65534,mode=700'];
  await beside(place, 'mount', [...options, 'tmpfs', home]);
}

async function beside({ world }: Place, tool: string, args: readonly string[]): Promise<void> {
  const { status, stderr } = await world.dovecot.runBeside(tool, args);
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr}`);
}

function here(tool: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr}`);
}

/** Until nothing more is taken but from a dsync. */
async function fillQuota({ world, user }: Place): Promise<void> {
  await world.sides(user).theirs.create('Junk');
  const filling = `\r\n\r\n${`${'y'.repeat(70)}\r\n`.repeat(1300)}`;
  for (let count = 0; count < 20; count++) {
    const args = ['save', '-u', user, '-m', 'Junk'];
    const { status, stderr } = await world.dovecot.tryDoveadm(args, `Subject: ${count}${filling}`);
    if (status !== 0 && stderr.includes('Quota exceeded')) return;
  }
  throw new Error('the quota is never full');
}

const fillerOf = (home: string): string => join(home, 'filler');
/** Ends with an error when the disk is full, as it should. */
const fill = (home: string): readonly string[] => ['if=/dev/zero', `of=${fillerOf(home)}`, 'bs=4k'];

async function foldersIn(home: string): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  return [
    home,
    ...entries.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name)),
  ];
}

export const refusals: readonly Refusal[] = [
  {
    name: 'the size of a mail',
    at: 'theirs',
    says: /mailbox INBOX, with UID \d+ or one of the next.*Mail size is larger than the maximum size allowed/,
    hint: /quota_max_mail_size.*expunge/,
    versions: ['2.3'],
  },
  {
    name: 'a full quota',
    at: 'theirs',
    says: /mailbox INBOX.*Quota exceeded/,
    hint: /quota.*raise it/,
    versions: [],
    begin: fillQuota,
    end: async ({ world, user }) => {
      await world.sides(user).theirs.remove('Junk');
    },
  },
  {
    name: 'a full disk',
    at: 'theirs',
    says: /No space left on device|not enough disk space/i,
    hint: /free space/,
    versions: ['2.3', '2.4'],
    prepare: mountTheirs,
    begin: async (place) => {
      await place.world.dovecot.runBeside('dd', fill(theirHome(place)));
    },
    end: (place) => beside(place, 'rm', [fillerOf(theirHome(place))]),
  },
  {
    name: 'a folder that it may not write to',
    at: 'theirs',
    says: /Permission denied/,
    hint: /owner and mode/,
    versions: ['2.3', '2.4'],
    begin: async (place) => {
      for (const folder of await foldersIn(theirHome(place))) await chmod(folder, 0o500);
    },
    end: async (place) => {
      for (const folder of await foldersIn(theirHome(place))) await chmod(folder, 0o700);
    },
  },
  {
    name: 'a full disk of ours',
    at: 'ours',
    says: /no room to write.*(ENOSPC|full)/,
    hint: /free space/,
    versions: ['2.3', '2.4'],
    prepare: async ({ ourHome }) => {
      await mkdir(ourHome, { recursive: true });
      here('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', ourHome]);
    },
    begin: async ({ ourHome }) => {
      spawnSync('dd', fill(ourHome));
    },
    end: ({ ourHome }) => rm(fillerOf(ourHome)),
  },
  {
    name: 'a folder of ours that nobody may write to',
    at: 'ours',
    says: /no access to/,
    hint: /owner and mode/,
    versions: ['2.3', '2.4'],
    begin: async ({ ourHome }) => {
      for (const folder of await foldersIn(ourHome)) here('chattr', ['+i', folder]);
    },
    end: async ({ ourHome }) => {
      for (const folder of await foldersIn(ourHome)) here('chattr', ['-i', folder]);
    },
  },
];

/** What was mounted is in the way when folders have to go. */
export async function endMounts(place: Place, version: DovecotVersion): Promise<void> {
  spawnSync('umount', ['-l', place.ourHome]);
  // The mounts of 2.4 go with its processes.
  if (version === '2.3') spawnSync('umount', ['-l', theirHome(place)]);
}
