import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket, type TlsOptions } from 'node:tls';
import { readTlsFile, tlsFileError, tlsVersionMin } from './client-tls.ts';

export interface ServerTlsSettings {
  /** Our certificate with its chain, PEM. */
  readonly certFile: string;
  readonly keyFile: string;
  /** When given, a client must show a certificate that this authority signed. */
  readonly clientCaFile?: string;
}

/**
 * Why a client may not come in, when certificates are asked for. Checked here and not by Node.js, which would
 * close the connection without a word to the client's operator.
 */
export function clientCertificateProblem(
  socket: Socket,
  settings: ServerTlsSettings | undefined,
): string | undefined {
  if (settings?.clientCaFile === undefined || !(socket instanceof TLSSocket) || socket.authorized)
    return undefined;
  const isMissing = Object.keys(socket.getPeerCertificate()).length === 0;
  const reason = String(socket.authorizationError);
  return isMissing ? 'it shows no client certificate' : `its client certificate is not accepted (${reason})`;
}

/**
 * Reads the files, and checks that they go together.
 * @throws {DsyncdError} `DSYNCD_TLS_FILE` (operator).
 */
export async function loadServerTls({
  certFile,
  keyFile,
  clientCaFile,
}: ServerTlsSettings): Promise<TlsOptions> {
  const cert = await readTlsFile(certFile, 'certificate');
  const key = await readTlsFile(keyFile, 'key of the certificate');
  const ca = clientCaFile === undefined ? undefined : await readTlsFile(clientCaFile, 'client CA file');
  const options: TlsOptions = {
    cert,
    key,
    minVersion: tlsVersionMin,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw tlsFileError(`cannot use the certificate ${certFile} with the key ${keyFile}`, error);
  }
  return options;
}
