import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from './parties.ts';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Authority {
  readonly caFile: string;
  /** `name` is an address or a host name; `days` from now, negative for one that has expired. */
  issue(name: string, days?: number): Certificate;
}

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
};
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export function createAuthority(folder = scratchFolder()): Authority {
  const caFile = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca.key');
  openssl('req', '-x509', ...newKey, '-days', '30', '-subj', '/CN=test CA', '-keyout', caKey, '-out', caFile);
  let count = 0;
  return {
    caFile,
    issue(name, days = 30) {
      const base = join(folder, `${++count}`);
      const certFile = `${base}.pem`;
      const keyFile = `${base}.key`;
      writeFileSync(`${base}.ext`, `subjectAltName=${/^[\d.]+$/.test(name) ? 'IP' : 'DNS'}:${name}\n`);
      openssl('req', '-new', ...newKey, '-subj', `/CN=${name}`, '-keyout', keyFile, '-out', `${base}.csr`);
      openssl(
        ...['x509', '-req', '-in', `${base}.csr`, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial'],
        ...['-extfile', `${base}.ext`, '-days', `${days}`, '-out', certFile],
      );
      return { certFile, keyFile };
    },
  };
}
