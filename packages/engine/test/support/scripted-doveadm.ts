import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the server does with one connection; `lines` yields what the client sends. */
export type Script = (socket: Socket, lines: AsyncIterator<string, undefined>) => Promise<void> | void;

/** A unix socket on which a script plays Dovecot, to say what no Dovecot would. */
export class ScriptedServer {
  readonly path: string;
  connections = 0;
  openConnections = 0;
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string, script: Script) {
    this.#folder = folder;
    this.path = join(folder, 'socket');
    this.#server = createServer((socket) => {
      this.connections++;
      this.openConnections++;
      this.#sockets.add(socket);
      // The client may leave in the middle.
      socket.on('error', () => {});
      socket.once('close', () => {
        this.openConnections--;
        this.#sockets.delete(socket);
      });
      void script(socket, linesOf(socket));
    });
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = new ScriptedServer(await mkdtemp(join(tmpdir(), 'scripted-')), script);
    server.#server.listen(server.path);
    await once(server.#server, 'listening');
    return server;
  }

  /** Ends every connection, as a restart does. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.dropConnections();
    if (this.#server.listening) {
      this.#server.close();
      await once(this.#server, 'close');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Until the client has gone, in whatever way. */
async function* linesOf(socket: Socket): AsyncGenerator<string, undefined> {
  let text = '';
  try {
    for await (const chunk of socket) {
      text += String(chunk);
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        yield text.slice(0, end);
        text = text.slice(end + 1);
      }
    }
  } catch (error) {
    if (!socket.destroyed) throw error;
  }
  return undefined;
}

export function frame(channel: 'data' | 'log', payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.alloc(5);
  header.writeUInt8(channel === 'data' ? 0 : 0x4c, 0);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

export const logLine = (text: string): Buffer => frame('log', `\u0004doveadm(ann)<1><abc>: ${text}\n`);

/** Lets the client in, takes its command and answers with `answer`; `minor` is that of 2.3 or 2.4. */
export const answering =
  (answer: (command: string, socket: Socket) => Buffer | string | undefined, minor = 2): Script =>
  async (socket, lines) => {
    await lines.next();
    socket.write(minor === 0 ? '+\n' : `VERSION\tdoveadm-client\t1\t${minor}\n+\n`);
    if (minor >= 3) await lines.next();
    const { value: command } = await lines.next();
    if (command === undefined) return;
    const bytes = answer(command, socket);
    if (bytes !== undefined) socket.write(bytes);
  };

/** An auth service whose userdb has these users. */
export const userdb =
  (users: Readonly<Record<string, readonly string[]>>, spell = (name: string): string => name): Script =>
  async (socket, lines) => {
    socket.write('VERSION\t1\t1\nSPID\t1\n');
    for (let line = await lines.next(); line.value !== undefined; line = await lines.next()) {
      const [word, id, user = ''] = line.value.split('\t');
      if (word === 'LIST')
        socket.write(
          `${Object.keys(users)
            .map((name) => `LIST\t${id}\t${name}\n`)
            .join('')}DONE\t${id}\t\n`,
        );
      const fields = users[user];
      if (word === 'USER')
        socket.write(
          fields === undefined
            ? `NOTFOUND\t${id}\n`
            : `USER\t${id}\t${[spell(user), ...fields].join('\t')}\n`,
        );
    }
  };
