import { X509Certificate } from 'node:crypto';
import { systemClock } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  followPair,
  type Hands,
  type HostFacts,
  type Joined,
  joinHost,
  leadPair,
  type Material,
} from '../src/index.ts';
import { listen, mx1, mx2 } from './rig.ts';

/** Remembers what a host was asked to do; `failAt` names what fails. */
class Recorder implements Hands {
  readonly facts: HostFacts;
  readonly done: string[] = [];
  readonly #failAt: string | undefined;
  material: Material | undefined;

  constructor(facts: HostFacts, failAt?: string) {
    this.facts = facts;
    this.#failAt = failAt;
  }
  agree = (): Promise<void> => this.#step('agree');
  write = (material: Material): Promise<void> => {
    this.material = material;
    return this.#step('write');
  };
  keep = (): Promise<void> => this.#step('keep');
  rollBack = (): Promise<void> => this.#step('roll back');

  async #step(name: string): Promise<void> {
    this.done.push(name);
    if (name === this.#failAt) throw new Error(`${name} failed`);
  }
}

async function connected(): Promise<readonly [Joined, Joined]> {
  const { listener, code } = await listen();
  const second = await joinHost({ host: '127.0.0.1', port: listener.port, code, facts: mx2 });
  return [await listener.joined, second];
}

async function pair(first: Recorder, second: Recorder): Promise<readonly string[]> {
  const [one, two] = await connected();
  const results = await Promise.allSettled([leadPair(one, first, systemClock), followPair(two, second)]);
  return results.map((result) =>
    result.status === 'fulfilled' ? (result.value ?? 'paired') : (result.reason as Error).message,
  );
}

describe('the conversation of two hosts', () => {
  it('gives both the same secret and authority, and each a certificate for a key of its own', async () => {
    const first = new Recorder(mx1);
    const second = new Recorder(mx2);
    expect(await pair(first, second)).toEqual(['paired', 'paired']);
    const [one, two] = [first.material, second.material];
    expect(one?.secret).toMatch(/^[0-9a-f]{64}$/);
    expect([two?.secret, two?.authority]).toEqual([one?.secret, one?.authority]);
    expect(two?.privateKey).not.toBe(one?.privateKey);
    const authority = new X509Certificate(one?.authority ?? '');
    const certificates = [one, two].map((each) => new X509Certificate(each?.certificate ?? ''));
    expect(
      certificates.every(
        (certificate) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
      ),
    ).toBe(true);
    expect(certificates.map(({ subjectAltName }) => subjectAltName)).toEqual([
      'DNS:mx1.example.com, IP Address:127.0.0.1',
      'DNS:mx2.example.com',
    ]);
    expect(authority.ca).toBe(true);
    expect(certificates.map(({ ca }) => ca)).toEqual([false, false]);
  });

  it.each([
    ['mx1 refuses the plan', 'agree', undefined],
    ['mx2 refuses the plan', undefined, 'agree'],
    ['mx1 cannot write', 'write', undefined],
    ['mx2 cannot write', undefined, 'write'],
    ['mx2 cannot keep', undefined, 'keep'],
  ])('leaves nothing on either host when %s', async (_what, failFirst, failSecond) => {
    const first = new Recorder(mx1, failFirst);
    const second = new Recorder(mx2, failSecond);
    const failed = `${failFirst ?? failSecond} failed`;
    const results = await pair(first, second);
    expect(new Set(results)).toEqual(new Set([failed, `the other host gave up: ${failed}`]));
    expect(first.done.at(-1)).toBe('roll back');
    expect(second.done.at(-1)).toBe('roll back');
    expect([...first.done, ...second.done].filter((step) => step === 'keep')).toEqual(
      failSecond === 'keep' ? ['keep'] : [],
    );
  });

  it('says that it does not know when the last word is missing', async () => {
    const results = await pair(new Recorder(mx1, 'keep'), new Recorder(mx2));
    expect(results).toEqual(['keep failed', 'unsure']);
  });
});
