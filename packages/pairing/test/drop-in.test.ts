import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makePlan } from '../src/index.ts';
import { factsOf, mx2, placeIn } from './rig.ts';

const series = { '2.3': '2.3.19.1', '2.4': '2.4.1-4' } as const;
const material = { authority: 'CA', certificate: 'CERT', privateKey: 'KEY', secret: 'abc' };

/** The drop-in of a Dovecot whose files are below /r, without its comments. */
function dropInOf(version: keyof typeof series, tls: boolean): string {
  const folder = new URL(`../../../deploy/dovecot-${version}/`, import.meta.url).pathname;
  const plan = makePlan({
    own: factsOf('mx1', { engine: 'dovecot', dovecot: series[version], tls, port: 4_711 }),
    peer: mx2,
    place: { ...placeIn('/r'), user: 'mailer' },
    templates: { dropIn: readFileSync(`${folder}99-dsyncd.conf`, 'utf8') },
    hasSample: false,
  });
  const file = plan.files.find(({ path }) => path.endsWith('/99-dsyncd.conf'));
  return (file?.text(material) ?? '').replace(/^ *#.*\n/gm, '');
}

describe.each(['2.3', '2.4'] as const)('the drop-in for Dovecot %s', (version) => {
  it('has the names of this host', () => {
    const text = dropInOf(version, false);
    expect(text).toContain('doveadm_password = abc\n');
    expect(text).toContain('    port = 4711\n');
    expect(text).toContain('    user = mailer\n');
    expect(text).not.toMatch(/vmail|CHANGE-ME/);
  });

  it('has TLS, with the certificates of the pair, where Dovecot can speak it', () => {
    expect(dropInOf(version, false)).not.toContain('ssl');
    const text = dropInOf(version, true);
    expect(text).toContain('    port = 4711\n    ssl = yes\n');
    const [cert, key] =
      version === '2.3'
        ? ['ssl_cert = <', 'ssl_key = <']
        : ['ssl_server_cert_file = ', 'ssl_server_key_file = '];
    expect(text.slice(text.indexOf('protocol doveadm'))).toBe(
      [
        'protocol doveadm {',
        `  ${cert}/r/etc/dsyncd/host.pem`,
        `  ${key}/r/etc/dsyncd/host.key`,
        '  ssl_client_ca_file = /r/etc/dsyncd/ca.pem',
        '  ssl_client_ca_dir =',
        '}\n',
      ].join('\n'),
    );
  });
});
