import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const timeoutMs = 30_000;

/**
 * Delivers one mail by LMTP.
 * @param address - `HOST:PORT`, or the path of a socket
 * @throws {Error} with the reply of the server when it does not take the mail.
 */
export async function deliverByLmtp(
  address: string,
  recipient: string,
  mail: string,
  signal: AbortSignal,
): Promise<void> {
  const socket = connectTo(address);
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const onAbort = (): void => void socket.destroy(new Error(`no answer of ${address} by LMTP`));
  bounded.addEventListener('abort', onAbort, { once: true });
  try {
    await once(socket, 'connect', { signal: bounded });
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const expectReply = async (code: string): Promise<void> => {
      for (;;) {
        const { value: line = '', done } = await lines.next();
        if (done === true) throw new Error(`${address} ended the LMTP connection`);
        if (/^\d{3}-/.test(line)) continue;
        if (!line.startsWith(code)) throw new Error(`${address} answers by LMTP: ${line}`);
        return;
      }
    };
    await expectReply('220');
    for (const [command, code] of [
      ['LHLO localhost', '250'],
      ['MAIL FROM:<>', '250'],
      [`RCPT TO:<${recipient}>`, '250'],
      ['DATA', '354'],
      [`${mail}.`, '250'],
      ['QUIT', '221'],
    ] as const) {
      socket.write(`${command}\r\n`);
      await expectReply(code);
    }
  } finally {
    bounded.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

function connectTo(address: string): Socket {
  const socket = address.startsWith('/')
    ? connect(address)
    : connect(
        Number(address.slice(address.lastIndexOf(':') + 1)),
        address.slice(0, address.lastIndexOf(':')),
      );
  // The reader reports it.
  return socket.on('error', () => {});
}
