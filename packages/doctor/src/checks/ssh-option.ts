import { settingOf } from '@dsyncd/config';
import { parseDestination } from '@dsyncd/core';
import type { ChannelCheck } from '../check.ts';
import type { Doveconf } from '../doveconf.ts';
import { type Finding, ok, problem } from '../finding.ts';

/** Dovecot 2.4.0 to 2.4.2 start `dsync-server` over SSH with an option that it does not take. */
export const sshOption: ChannelCheck = {
  name: 'ssh-command',
  async run(scene, { mailReplica, doveadmPort }) {
    const { kind } = parseDestination(mailReplica, { doveadmPort });
    if (scene.config.mailEngine !== 'dovecot' || kind !== 'ssh') return undefined;
    return judgeSshCommand(await scene.doveconf());
  },
};

/** Pure. */
export function judgeSshCommand({ version, tree, is24 }: Doveconf): Finding {
  const command = settingOf(tree, 'dsync_remote_cmd');
  const isDefaultBad = /^2\.4\.[0-2](\D|$)/.test(version);
  if (is24 && (command === undefined ? isDefaultBad : / -U( |$)/.test(command)))
    return problem(
      `dsync_remote_cmd of Dovecot ${version} ends in -U, which dsync-server of 2.4 refuses: no sync succeeds`,
      'set dsync_remote_cmd = ssh -l%{login} %{host} doveadm dsync-server -u%{user}; then doveadm reload',
    );
  return ok(`the command that Dovecot starts by SSH has no option that 2.4 refuses`);
}
