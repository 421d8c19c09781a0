import { once } from 'node:events';
import { connect } from 'node:net';
import { until } from '@dsyncd/testkit';

/** A client of the socket `replicator-doveadm`, which Dovecot's replicator and dsyncd serve alike. */
export class ReplicatorSocket {
  #socket;
  #text = '';
  #wake = () => {};

  static async connect(path) {
    const client = new ReplicatorSocket();
    client.#socket = connect(path);
    await once(client.#socket, 'connect');
    client.#socket.setEncoding('utf8').on('data', (text) => {
      client.#text += text;
      client.#wake();
    });
    client.#socket.on('close', () => client.#wake());
    client.#socket.write('VERSION\treplicator-doveadm-client\t1\t0\n');
    await client.#upTo('\n');
    return client;
  }

  async #upTo(end) {
    for (;;) {
      const at = this.#text.indexOf(end);
      if (at >= 0) {
        const found = this.#text.slice(0, at);
        this.#text = this.#text.slice(at + end.length);
        return found;
      }
      if (this.#socket.closed) throw new Error('the replicator has closed the connection');
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Asks for a sync of every user; answers how many those are. */
  async replicate({ isFull }) {
    this.#socket.write(`REPLICATE\tlow\t${isFull ? 'f' : ''}\t*\n`);
    const answer = await this.#upTo('\n');
    if (!answer.startsWith('+')) throw new Error(`REPLICATE answered ${answer}`);
    return Number(answer);
  }

  /** Nothing is queued and no sync runs. Throws when a sync has failed. */
  async #isIdle() {
    this.#socket.write('STATUS\n');
    const counts = new Map((await this.#upTo('\n\n')).split('\n').map((line) => line.split('\t')));
    if (Number(counts.get("Waiting 'failed' requests")) > 0) throw new Error('a sync has failed');
    for (const [what, count] of counts) if (what.startsWith('Queued ') && Number(count) > 0) return false;
    this.#socket.write('STATUS-DSYNC\n');
    const syncs = (await this.#upTo('\n\n')).split('\n');
    return syncs.every((line) => line.startsWith('\t') || line === '');
  }

  async untilIdle(timeoutMs = 600_000) {
    await until('the replicator has nothing to do', () => this.#isIdle(), { timeoutMs, everyMs: 10 });
  }

  close() {
    this.#socket.destroy();
  }
}
