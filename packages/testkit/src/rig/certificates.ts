import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CertificateAuthority {
  readonly caFile: string;
  /** Makes a certificate for a host name or address; with `days` below 0 one that has expired. */
  issue(name: string, days?: number): { certFile: string; keyFile: string };
}

const openssl = (args: readonly string[]): void => {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};

/** A certificate authority for one test, made by openssl in `folder`. */
export function createAuthority(folder: string): CertificateAuthority {
  const caFile = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca.key');
  openssl([
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', '/CN=dsyncd test CA', '-keyout', caKey, '-out', caFile],
  ]);
  return {
    caFile,
    issue(name, days = 30) {
      const base = join(folder, name.replaceAll(/[^a-z0-9.]/gi, '_'));
      const certFile = `${base}.pem`;
      const keyFile = `${base}.key`;
      const kind = /^[\d.]+$/.test(name) ? 'IP' : 'DNS';
      writeFileSync(`${base}.ext`, `subjectAltName=${kind}:${name}\n`);
      openssl([
        ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-subj', `/CN=${name}`, '-keyout', keyFile, '-out', `${base}.csr`],
      ]);
      openssl([
        ...['x509', '-req', '-in', `${base}.csr`, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial'],
        ...['-extfile', `${base}.ext`, '-days', String(days), '-out', certFile],
      ]);
      return { certFile, keyFile };
    },
  };
}
