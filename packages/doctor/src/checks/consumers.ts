import { access, constants } from 'node:fs/promises';
import { readSecret } from '@dsyncd/config';
import { messageOf } from '@dsyncd/core';
import type { HostCheck } from '../check.ts';
import { ok, warning } from '../finding.ts';

/** Can the consumers of the change feed be run? A warning only: they keep no mail from the replica. */
export const feedConsumers: HostCheck = {
  name: 'consumers',
  async run({ config: { consumers } }) {
    if (consumers.length === 0) return undefined;
    for (const { name, command, tokenFile } of consumers) {
      const program = command?.[0];
      try {
        if (program !== undefined) await access(program, constants.X_OK);
        if (tokenFile !== undefined) await readSecret(tokenFile);
      } catch (error) {
        return warning(
          `consumer ${name} cannot work: ${messageOf(error)}`,
          `check [consumers.${name}]; the user of dsyncd must be able to run or read the file`,
        );
      }
    }
    return ok(`${consumers.map(({ name }) => name).join(', ')} can be run`);
  },
};
