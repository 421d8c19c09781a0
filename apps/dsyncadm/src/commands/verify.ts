import type { ChannelConfig } from '@dsyncd/config';
import { compileMask, countOf, DsyncdError, messageOf, parseUserName, type UserName } from '@dsyncd/core';
import type { Scene } from '@dsyncd/doctor';
import { verifyWord } from '@dsyncd/protocol';
import type { Verification, VerifySide } from '@dsyncd/verify';
import type { Command } from 'commander';
import { type CommandContext, interruptible, programVersion } from '../context.ts';
import { notPossible, usageError } from '../errors.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import { differenceText } from '../output/differences.ts';
import { printable } from '../output/table.ts';
import { channelsOf } from './doctor.ts';

interface VerifyOptions {
  readonly user: string;
  readonly channel?: string;
  readonly wait: number;
  readonly json?: boolean;
}

export function registerVerify(parent: Command, context: CommandContext): void {
  const command = parent
    .command('verify')
    .summary('compare the mail of both hosts, and name what differs')
    .description(
      'Compare the mail of users on this host and on the replica: mailboxes, UIDVALIDITY, subscriptions, and of each mail UID, GUID, flags ' +
        'and keywords. Nothing is changed. A difference is looked at three times before it is called one, since what a client just did is on its way.',
    )
    .option('-u, --user <mask>', 'users; * is any text, ? one character', '*')
    .option('--channel <name>', 'only this channel; otherwise all of them')
    .option('--wait <seconds>', 'between two looks at a difference', parseWholeNumber, 2);
  addHelpParts(addJsonOption(command), {
    examples: ['verify', 'verify -u ann@example.com', "verify -u '*@example.com' --channel offsite --json"],
    exits: ['temporary', 'config'],
    ownExits: { 1: 'something differs' },
  });
  command.action((options: VerifyOptions) => verify(context, options));
}

interface Failure {
  readonly user: UserName;
  readonly error: string;
}

async function verify(context: CommandContext, options: VerifyOptions): Promise<void> {
  const { terminal, clock } = context;
  const config = await context.config();
  if (config.mailEngine !== 'builtin')
    throw notPossible('verify knows the built-in store only', 'compare a Dovecot with `doveadm fetch`');
  const channels = channelsOf(config, options.channel);
  if (channels.length === 0)
    throw usageError('no channel is configured', 'add [channels.default] with mail_replica');
  const { openScene } = await import('@dsyncd/doctor');
  const reports: (ChannelReport & { readonly channel: string })[] = [];
  await interruptible(async (signal) => {
    const scene = openScene({ config, clock, signal, version: programVersion() });
    try {
      for (const channel of channels)
        reports.push({ channel: channel.name, ...(await verifyChannel(context, scene, channel, options)) });
    } finally {
      scene.close();
    }
  });
  const isEqual = reports.every(({ different }) => different.length === 0);
  const hasFailed = reports.some(({ failed }) => failed.length > 0);
  if (options.json) await terminal.printJson({ equal: isEqual && !hasFailed, channels: reports });
  context.exitWith(isEqual ? (hasFailed ? exitCodes.temporary : exitCodes.ok) : exitCodes.behind);
}

interface ChannelReport {
  readonly replica: string;
  readonly users: number;
  readonly mailboxes: number;
  readonly mails: number;
  readonly different: readonly Verification[];
  readonly failed: readonly Failure[];
}

async function verifyChannel(
  context: CommandContext,
  scene: Scene,
  channel: ChannelConfig,
  { user: mask, wait, json }: VerifyOptions,
): Promise<ChannelReport> {
  const { terminal, clock } = context;
  const { verifyUser, StoreSide } = await import('@dsyncd/verify');
  const there = await farSide(scene, channel);
  const here = new StoreSide(scene.config.hostname, await context.store());
  const different: Verification[] = [];
  const failed: Failure[] = [];
  let [users, mailboxes, mails] = [0, 0, 0];
  for (const user of await usersOf(scene, channel, mask)) {
    users++;
    try {
      const found = await verifyUser(user, here, there, { clock, signal: scene.signal, waitMs: wait * 1000 });
      mailboxes += found.mailboxes;
      mails += found.mails;
      if (found.differences.length === 0) continue;
      different.push(found);
      if (!json) await terminal.print(userText(found, here.name, there.name));
    } catch (error) {
      if (scene.signal.aborted || !(error instanceof DsyncdError)) throw error;
      failed.push({ user, error: messageOf(error) });
      if (!json) await terminal.print(`${printable(`${user}: not compared: ${messageOf(error)}`)}\n`);
    }
  }
  if (!json)
    await terminal.print(
      `${channel.name}: ${countOf(users, 'user')}, ${countOf(mailboxes, 'mailbox', 'mailboxes')}, ${countOf(mails, 'mail')} compared with ${printable(there.name)}: ` +
        `${users - different.length - failed.length} equal, ${different.length} different, ${failed.length} not compared\n`,
    );
  return { replica: channel.mailReplica, users, mailboxes, mails, different, failed };
}

async function farSide(scene: Scene, channel: ChannelConfig): Promise<VerifySide> {
  const { RemoteSide } = await import('@dsyncd/verify');
  const far = await scene.logIn(channel);
  if (far.kind !== 'dsyncd')
    throw notPossible(
      `${far.doveadm.name} is a Dovecot`,
      'verify compares two dsyncd hosts with the built-in store',
    );
  const { hostname } = await far.about();
  return new RemoteSide(hostname, async (user, query) => {
    const { fields } = await far.doveadm.ask({ words: [verifyWord, query], user });
    return JSON.parse(fields.join('\t')) as unknown;
  });
}

/** Those of both hosts: a user whom only the other one has is a difference, too. */
async function usersOf(scene: Scene, channel: ChannelConfig, mask: string): Promise<readonly UserName[]> {
  const isWanted = compileMask(mask);
  const far = await scene.logIn(channel);
  const names = new Set<UserName>(await scene.users());
  for (const name of await far.users()) names.add(parseUserName(name));
  return [...names].filter(isWanted).sort();
}

const userText = ({ user, differences, isCut }: Verification, here: string, there: string): string =>
  [
    `${user}: differs`,
    ...differences.map((difference) => `  ${differenceText(difference, here, there)}`),
    ...(isCut ? ['  ... and more'] : []),
    `  next: dsyncadm status; then dsyncadm replicator replicate -f '${user}' compares and merges everything`,
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
