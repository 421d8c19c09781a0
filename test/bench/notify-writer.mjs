// Writes LINES notifications for USERS users to a unix socket, then one with an answer, and prints the seconds it took.
// Its own process, so that it does not share an event loop with what is measured.
import { once } from 'node:events';
import { connect } from 'node:net';

const [path, linesText, usersText] = process.argv.slice(2);
const lines = Number(linesText);
const users = Number(usersText);
const blockLines = 2000;
const blocks = [];
for (let from = 0; from < users; from += blockLines) {
  let text = '';
  for (let index = from; index < Math.min(from + blockLines, users); index++)
    text += `user${String(index).padStart(7, '0')}@example.com\tlow\n`;
  blocks.push(Buffer.from(text));
}
const socket = connect(path);
await once(socket, 'connect');
const startedAt = performance.now();
let written = 0;
for (let block = 0; written < lines; block = (block + 1) % blocks.length) {
  if (!socket.write(blocks[block])) await once(socket, 'drain');
  written += blockLines;
}
// Sync lines are answered in order after what came before is durable; the peer is down, so it is "-".
socket.write('last@example.com\tsync\n');
await once(socket, 'data');
process.stdout.write(String((performance.now() - startedAt) / 1000));
socket.destroy();
