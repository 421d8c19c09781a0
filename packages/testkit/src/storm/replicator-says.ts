import { once } from 'node:events';
import { connect } from 'node:net';

const greeting = 'VERSION\treplicator-doveadm-client\t1\t0\n';

/**
 * What a replicator says on its socket `replicator-doveadm`, as `doveadm replicator` asks it: true when no sync runs, every one
 * of the users was synced, nothing waits for them and nothing failed. The built-in replicator of Dovecot 2.3 can be asked, too.
 */
export async function replicatorSays(path: string, users: readonly string[]): Promise<boolean> {
  const socket = connect(path);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    // Two answers, each with an empty line after it.
    if (text.split('\n\n').length > 2) socket.end();
  });
  socket.setTimeout(10_000, () => socket.destroy(new Error(`${path}: no answer within 10 s`)));
  socket.write(`${greeting}STATUS-DSYNC\nSTATUS\t*\n`);
  await once(socket, 'close');
  const [syncs = '', states = ''] = text.replace(/^VERSION.*\n/, '').split('\n\n');
  const isRunning = syncs.split('\n').some((line) => line !== '' && !/\t(Not connected|Idle)$/.test(line));
  if (isRunning) return false;
  // A line a channel.
  const rows = states.split('\n').map((line) => line.split('\t'));
  return users.every((user) => {
    const mine = rows.filter(([name]) => name === user);
    return (
      mine.length > 0 &&
      mine.every(([, priority, fast, , failed]) => priority === 'none' && Number(fast) > 0 && failed === '0')
    );
  });
}
