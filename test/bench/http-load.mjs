// Sends COUNT times POST /v1/notify to PORT, each for one of USERS users, over CONNECTIONS kept-open connections, and
// prints seconds and the 99th percentile in ms. Its own process, so that it does not share an event loop with what is measured.
import { connect } from 'node:net';

const [port, token, count, users, connections] = process.argv
  .slice(2)
  .map((text, index) => (index === 1 ? text : Number(text)));
const latencies = new Float64Array(count);
let sent = 0;
let answered = 0;
const startedAt = performance.now();

await new Promise((resolve, reject) => {
  for (let index = 0; index < connections; index++) {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    let askedAt = 0;
    const ask = () => {
      if (sent >= count) return;
      const body = `{"user":"user${String(sent++ % users).padStart(7, '0')}@example.com"}`;
      askedAt = performance.now();
      socket.write(
        `POST /v1/notify HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    };
    socket.on('connect', ask);
    socket.on('error', reject);
    socket.on('data', (data) => {
      const text = data.latin1Slice();
      if (!text.startsWith('HTTP/1.1 202')) return reject(new Error(text));
      latencies[answered++] = performance.now() - askedAt;
      if (answered === count) resolve();
      else ask();
    });
  }
});
const seconds = (performance.now() - startedAt) / 1000;
latencies.sort();
process.stdout.write(JSON.stringify({ seconds, p99Ms: latencies[Math.floor(count * 0.99)] }));
process.exit(0);
