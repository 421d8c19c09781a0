import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { parseDestination } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  type ClientTlsSettings,
  createPeer,
  type DoveadmServer,
  type ServerTlsSettings,
  startDoveadmServer,
} from '../src/index.ts';
import { type Authority, createAuthority } from './support/certificates.ts';
import { recordingLogger } from './support/log.ts';
import {
  failureOf,
  fresh,
  onCleanup,
  rawServer,
  ShoutingAnswerer,
  scratchFolder,
  shout,
  user,
} from './support/parties.ts';

const secret = 'tls secret';

async function serve(tls: ServerTlsSettings | undefined): Promise<DoveadmServer> {
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    answerer: new ShoutingAnswerer(),
    logger: recordingLogger(),
    tls,
  });
  onCleanup(() => server.stop(0));
  return server;
}

function peerAt(port: number, tls: ClientTlsSettings, host = '127.0.0.1') {
  const peer = createPeer(parseDestination(`tcps:${host}:${port}`, { doveadmPort: 1 }), { secret, tls });
  onCleanup(() => peer.close());
  return peer;
}

/** A peer at a server with the given certificate. */
async function peerAtServer(authority: Authority, name: string, days = 30) {
  const server = await serve(authority.issue(name, days));
  return peerAt(server.port, { caFile: authority.caFile });
}

describe('a sync over TLS', () => {
  it('reaches a peer whose certificate is right, by address and by name', async () => {
    const authority = createAuthority();
    for (const host of ['127.0.0.1', 'localhost']) {
      const server = await serve(authority.issue(host));
      const peer = peerAt(server.port, { caFile: authority.caFile }, host);
      for (let round = 0; round < 2; round++) {
        const sync = await peer.startSync(user, fresh());
        expect(await shout(sync, 'hello')).toBe('HELLO');
        await shout(sync, 'bye');
        sync.release(round === 0);
      }
    }
  });

  it.each([
    ['expired', '127.0.0.1', -1, 'expired'],
    ['for another name', 'mx9.example.com', 30, 'for another host name'],
  ])('refuses a certificate that is %s', async (_, name, days, words) => {
    const peer = await peerAtServer(createAuthority(), name, days);
    const failure = await failureOf(peer.startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_TLS', 'operator']);
    expect(failure.message).toContain(words);
    expect(failure.hint).toBeDefined();
  });

  it('refuses a certificate of an authority that it does not trust', async () => {
    const server = await serve(createAuthority().issue('127.0.0.1'));
    const failure = await failureOf(
      peerAt(server.port, { caFile: createAuthority().caFile }).startSync(user, fresh()),
    );
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_TLS', 'operator']);
    expect(failure.hint).toContain('ssl.client_ca_file');
  });

  it('says that the other side hung up on TLS, as a Dovecot does on a port without it', async () => {
    const { caFile } = createAuthority();
    const { port } = await rawServer((socket) => socket.once('data', () => socket.end()));
    const failure = await failureOf(peerAt(port, { caFile }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_TLS_CUT', 'transient']);
    expect(failure.hint).toContain('tcp:');
  });

  it('says that the other side does not speak TLS', async () => {
    const authority = createAuthority();
    const { port } = await rawServer((socket) => socket.on('data', () => socket.write('-\n-\n-\n')));
    const failure = await failureOf(peerAt(port, { caFile: authority.caFile }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_TLS', 'operator']);
    expect(failure.hint).toContain('tcp:');
  });

  it('names the file that it cannot read', async () => {
    const caFile = join(scratchFolder(), 'nowhere.pem');
    const failure = await failureOf(peerAt(1, { caFile }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_TLS_FILE', 'operator']);
    expect(failure.message).toContain(caFile);
  });
});

describe('a client certificate', () => {
  it('is shown where it is asked for', async () => {
    const authority = createAuthority();
    const server = await serve({ ...authority.issue('127.0.0.1'), clientCaFile: authority.caFile });
    const peer = peerAt(server.port, { caFile: authority.caFile, ...authority.issue('mx1.example.com') });
    const sync = await peer.startSync(user, fresh());
    expect(await shout(sync, 'hello')).toBe('HELLO');
    sync.release(false);
  });

  it.each(['none', 'of another authority'])('that is missing or wrong (%s) needs a person', async (kind) => {
    const authority = createAuthority();
    const server = await serve({ ...authority.issue('127.0.0.1'), clientCaFile: authority.caFile });
    const own = kind === 'none' ? {} : createAuthority().issue('mx1.example.com');
    const failure = await failureOf(
      peerAt(server.port, { caFile: authority.caFile, ...own }).startSync(user, fresh()),
    );
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_PEER_REFUSED', 'operator']);
    expect(failure.hint).toContain('ssl.client_cert_file');
  });
});

describe('the TLS server', () => {
  it('speaks nothing older than TLS 1.2', async () => {
    const server = await serve(createAuthority().issue('127.0.0.1'));
    const offer = (maxVersion: 'TLSv1.1' | 'TLSv1.2') =>
      new Promise<string>((resolve) => {
        const socket = connectTls({
          port: server.port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          minVersion: maxVersion,
          maxVersion,
          ciphers: 'DEFAULT@SECLEVEL=0',
        });
        onCleanup(() => socket.destroy());
        socket.once('secureConnect', () => resolve(socket.getProtocol() ?? ''));
        socket.once('error', () => resolve('refused'));
      });
    expect(await offer('TLSv1.1')).toBe('refused');
    expect(await offer('TLSv1.2')).toBe('TLSv1.2');
  });

  it('takes a renewed certificate on reload, and keeps the old one when the new one is broken', async () => {
    const authority = createAuthority();
    const folder = scratchFolder();
    const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    const install = (name: string, days?: number): void => {
      const issued = authority.issue(name, days);
      copyFileSync(issued.certFile, files.certFile);
      copyFileSync(issued.keyFile, files.keyFile);
    };
    install('127.0.0.1', -1);
    const server = await serve(files);
    const start = () => peerAt(server.port, { caFile: authority.caFile }).startSync(user, fresh());
    expect((await failureOf(start())).message).toContain('expired');
    install('127.0.0.1');
    await server.reload();
    (await start()).release(false);
    copyFileSync(authority.issue('127.0.0.1').keyFile, files.keyFile);
    expect((await failureOf(server.reload())).code).toBe('DSYNCD_TLS_FILE');
    (await start()).release(false);
  });
});
