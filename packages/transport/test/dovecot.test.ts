import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DsyncdError, parseDestination, parseUserName } from '@dsyncd/core';
import { type ByteLink, readLine } from '@dsyncd/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPeer, type ServerTlsSettings, type SyncAnswerer, startDoveadmServer } from '../src/index.ts';
import { type Authority, type Certificate, createAuthority } from './support/certificates.ts';
import { type Dovecot, doveadm, startDovecot } from './support/dovecot.ts';
import { recordingLogger } from './support/log.ts';
import { failureOf, fresh, onCleanup, user } from './support/parties.ts';

const secret = 'a shared secret';

let folder: string;
let authority: Authority;
let certificate: Certificate;
let dovecot: Dovecot;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-transport-'));
  authority = createAuthority(folder);
  certificate = authority.issue('127.0.0.1');
  dovecot = await startDovecot(secret, certificate, authority.caFile);
});

afterAll(async () => {
  await dovecot.stop();
  rmSync(folder, { recursive: true });
});

function peerAt(port: number, ourSecret = secret, kind: 'tcp' | 'tcps' = 'tcp') {
  const destination = parseDestination(`${kind}:127.0.0.1:${port}`, { doveadmPort: 1 });
  const peer = createPeer(destination, { secret: ourSecret, tls: { caFile: authority.caFile } });
  onCleanup(() => peer.close());
  return peer;
}

/** Reads the handshake of the other side's dsync, then gives up. */
class HandshakeReader implements SyncAnswerer {
  readonly lines: string[] = [];
  refusal: DsyncdError | undefined;

  async prepare(): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
  }

  async answer(_user: unknown, link: ByteLink): Promise<{ readonly reusable: boolean }> {
    await link.write('VERSION\tdsync\t3\t5\n');
    for (;;) {
      const line = await readLine(link, 10_000);
      if (line === undefined) break;
      this.lines.push(line);
      if (line.startsWith('H')) break;
    }
    return { reusable: false };
  }
}

async function serve(answerer: SyncAnswerer, tls?: ServerTlsSettings) {
  const logger = recordingLogger();
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    answerer,
    logger,
    tls,
  });
  onCleanup(() => server.stop(0));
  return { server, logger };
}

describe('the installed Dovecot as client', () => {
  it('gets as far as its dsync handshake', async () => {
    const reader = new HandshakeReader();
    const { server } = await serve(reader);
    await doveadm(dovecot.config, ['sync', '-u', user, `tcp:127.0.0.1:${server.port}`]);
    expect(reader.lines[0]).toMatch(/^VERSION\tdsync\t3\t/);
    expect(reader.lines.at(-1)).toMatch(/^H/);
  });

  it('comes by TLS too', async () => {
    const reader = new HandshakeReader();
    const { server } = await serve(reader, certificate);
    await doveadm(dovecot.config, ['sync', '-u', user, `tcps:127.0.0.1:${server.port}`]);
    expect(reader.lines[0]).toMatch(/^VERSION\tdsync\t3\t/);
  });

  it('is told that the user does not exist here', async () => {
    const reader = new HandshakeReader();
    reader.refusal = new DsyncdError('DSYNCD_STORE_NO_USER', 'no such user', { outcome: 'nouser' });
    const { server } = await serve(reader);
    const { status, output } = await doveadm(dovecot.config, [
      ...['sync', '-u', user, `tcp:127.0.0.1:${server.port}`],
    ]);
    expect(status).toBe(67);
    expect(output).toContain('Unknown user in remote');
  });

  it('prints why we cannot sync now', async () => {
    const reader = new HandshakeReader();
    reader.refusal = new DsyncdError('DSYNCD_STORE_LOCKED', 'the user is being synced', { outcome: 'busy' });
    const { server } = await serve(reader);
    const { status, output } = await doveadm(dovecot.config, [
      ...['sync', '-u', user, `tcp:127.0.0.1:${server.port}`],
    ]);
    expect(status).toBe(75);
    expect(output).toContain('BUSY the user is being synced');
  });

  it('with another secret is turned away, which is logged once', async () => {
    const reader = new HandshakeReader();
    const { server, logger } = await serve(reader);
    const { status, output } = await doveadm(dovecot.config, [
      ...['-o', 'doveadm_password=quite another one'],
      ...['sync', '-u', user, `tcp:127.0.0.1:${server.port}`],
    ]);
    expect(status).not.toBe(0);
    expect(output).toContain('authentication failed');
    expect(logger.lines.map(({ code }) => code)).toEqual(['DSYNCD_SECRET']);
    expect(JSON.stringify(logger.lines)).not.toContain('quite another one');
  });
});

describe('the installed Dovecot as server', () => {
  it('starts its side of the dsync stream', async () => {
    const sync = await peerAt(dovecot.port).startSync(user, fresh());
    expect(await readLine(sync, 1000)).toMatch(/^VERSION\tdsync\t3\t/);
    sync.release(false);
  });

  it('is reached by TLS too', async () => {
    const sync = await peerAt(dovecot.tlsPort, secret, 'tcps').startSync(user, fresh());
    expect(await readLine(sync, 1000)).toMatch(/^VERSION\tdsync\t3\t/);
    sync.release(false);
  });

  it('says that a user does not exist', async () => {
    const missing = parseUserName('missing@x.test');
    const failure = await failureOf(peerAt(dovecot.port).startSync(missing, fresh()));
    expect(failure.outcome).toBe('nouser');
  });

  it('with another secret needs a person', async () => {
    const failure = await failureOf(peerAt(dovecot.port, 'wrong').startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_SECRET', 'operator']);
  });
});
