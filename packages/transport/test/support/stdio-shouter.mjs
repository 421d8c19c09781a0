/** A program with its peer on stdin and stdout: writes a mebibyte that no one may have to read first, then shouts. */
import { readLine } from '@dsyncd/protocol';
import { stdioLink } from '@dsyncd/transport';

const link = stdioLink();
const [mode] = process.argv.slice(2);
if (mode === 'flood') {
  let isAsync = false;
  const drained = link.write(Buffer.alloc(8 * 1024 * 1024, 'x'));
  setImmediate(() => {
    isAsync = true;
  });
  await drained;
  await link.write(`\n${isAsync}\n`);
}
for (;;) {
  const line = await readLine(link, 10_000);
  if (line === undefined) break;
  await link.write(`${line.toUpperCase()}\n`);
}
link.close();
