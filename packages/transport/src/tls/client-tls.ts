import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { DsyncdError, messageOf } from '@dsyncd/core';

export interface ClientTlsSettings {
  /** Authorities that we trust, PEM. Missing: those that Node.js brings along. */
  readonly caFile?: string;
  /** Our own certificate and its key, for peers that ask for one. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

export const tlsVersionMin = 'TLSv1.2';

/** A file that TLS needs. @throws {DsyncdError} `DSYNCD_TLS_FILE` (operator) that names the file. */
export async function readTlsFile(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw tlsFileError(`cannot read the ${what} ${path}`, error);
  }
}

export const tlsFileError = (message: string, cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_TLS_FILE', `${message}: ${messageOf(cause)}`, {
    outcome: 'operator',
    hint: 'check that the file exists, is PEM, and that the service may read it',
    cause,
  });

/** The client's side of TLS to one peer: follows changes of its files, and remembers the session. */
export class ClientTls {
  readonly #settings: ClientTlsSettings;
  #context: SecureContext | undefined;
  #fingerprint = '';
  /** The last session ticket, which spares a round trip and a certificate check when the peer still knows it. */
  session: Buffer | undefined;

  constructor(settings: ClientTlsSettings) {
    this.#settings = settings;
  }

  /** @throws {DsyncdError} `DSYNCD_TLS_FILE` (operator). */
  async context(): Promise<SecureContext> {
    const fingerprint = await this.#filesFingerprint();
    if (this.#context !== undefined && fingerprint === this.#fingerprint) return this.#context;
    const { caFile, certFile, keyFile } = this.#settings;
    const ca = caFile === undefined ? undefined : await readTlsFile(caFile, 'CA file');
    const cert = certFile === undefined ? undefined : await readTlsFile(certFile, 'client certificate');
    const key =
      keyFile === undefined ? undefined : await readTlsFile(keyFile, 'key of the client certificate');
    try {
      this.#context = createSecureContext({ ca, cert, key, minVersion: tlsVersionMin });
    } catch (error) {
      const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(', ');
      throw tlsFileError(`cannot use the TLS files ${files}`, error);
    }
    this.#fingerprint = fingerprint;
    this.session = undefined;
    return this.#context;
  }

  async #filesFingerprint(): Promise<string> {
    const { caFile, certFile, keyFile } = this.#settings;
    const marks: string[] = [];
    for (const file of [caFile, certFile, keyFile]) {
      if (file === undefined) continue;
      const found = await stat(file).catch(() => undefined);
      marks.push(found === undefined ? 'none' : `${found.ino}:${found.size}:${found.mtimeMs}`);
    }
    return marks.join();
  }
}
