import type { ChannelCheck } from '../check.ts';
import { NotCheckable, ok, problem, warning } from '../finding.ts';

export const versions: ChannelCheck = {
  name: 'versions',
  async run(scene, channel) {
    const far = await scene.far(channel);
    const here = scene.config.mailEngine === 'dovecot' ? await dovecotHere() : `dsyncd ${scene.version}`;
    if (far.kind === 'dsyncd' && here.startsWith('dsyncd') && far.version !== here)
      return warning(`${here} here, ${far.version} there`, 'install the same version on both hosts');
    if (/^Dovecot (?!2\.[34])/.test(here)) return problem(`${here} here`, 'dsyncd needs Dovecot 2.3 or 2.4');
    return ok(`${here} here, ${far.version} there`);

    /** As exact as can be had: `doveconf` knows it all, the protocol only 2.3 or 2.4. */
    async function dovecotHere(): Promise<string> {
      try {
        const { version } = await scene.doveconf();
        if (version !== '') return `Dovecot ${version}`;
      } catch (error) {
        if (!(error instanceof NotCheckable)) throw error;
      }
      return (await (await scene.localDoveadm()).serverMinor()) >= 3 ? 'Dovecot 2.4' : 'Dovecot 2.3';
    }
  },
};
