import type { Command } from 'commander';
import { Option } from 'commander';
import { addJsonOption } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';

/** Who starts the programs: units of systemd, this command (in the background), or a person. */
export type ServicesMode = 'systemd' | 'start' | 'none';

export interface PlaceOptions {
  readonly root: string;
}

/** Options that both sides have. Everything that would be asked can be given here. */
export interface PairOptions extends PlaceOptions {
  readonly hostname?: string;
  readonly address?: string;
  readonly port: number;
  readonly listen?: string;
  readonly engine?: 'builtin' | 'dovecot';
  readonly mailHome?: string;
  readonly user: string;
  readonly services?: ServicesMode;
  readonly ssh?: boolean;
  readonly sshPort: number;
  readonly probe?: string;
  readonly wait: number;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Where `pair init` waits. */
export const pairPort = 12_346;

export const addRootOption = (command: Command): Command =>
  command.option('--root <folder>', 'put everything below this folder instead of /: for a trial', '');

export function addPairOptions(command: Command): Command {
  const options = addRootOption(command)
    .option('--hostname <name>', "name of this host; otherwise the system's own")
    .option(
      '--address <address>',
      'name or IP address at which the other host reaches this one; otherwise --hostname',
    )
    .option('--port <port>', 'port of the dsync server of this host', parseWholeNumber, 12_345)
    .option('--listen <address>', 'address on which it listens; otherwise all of this host')
    .addOption(
      new Option('--engine <engine>', 'where the mail is; otherwise dovecot where one is found').choices([
        'builtin',
        'dovecot',
      ]),
    )
    .option('--mail-home <path>', 'engine builtin: folder of one user; otherwise /srv/mail/%{user}')
    .option('--user <name>', 'who owns the mail and runs the programs', 'vmail')
    .addOption(
      new Option(
        '--services <how>',
        'who starts the programs: systemd, this command ("start"), or you ("none"); otherwise systemd where it runs',
      ).choices(['systemd', 'start', 'none']),
    )
    .option('--ssh', 'engine builtin: replicate over SSH instead of a port of its own; on both hosts')
    .option('--ssh-port <port>', 'port of the sshd of this host', parseWholeNumber, 22)
    .option('--probe <user>', 'in the end, send a canary there and back in the mail of this user')
    .option('--wait <seconds>', 'how long to wait for the programs of both hosts', parseWholeNumber, 60)
    .option('-y, --yes', 'agree to the plan, and ask nothing')
    .option('--dry-run', 'show the plan, and end');
  return addJsonOption(options);
}
