import type { ConsumerStatus } from '../port.ts';
import { Consumer, type ConsumerOptions } from './consumer.ts';
import type { ConsumerPlan } from './deliver.ts';

/** All consumers, kept in step with the configuration. */
export class Consumers {
  readonly #shared: Omit<ConsumerOptions, 'plan'>;
  readonly #running = new Map<string, { readonly consumer: Consumer; readonly fingerprint: string }>();

  constructor(shared: Omit<ConsumerOptions, 'plan'>) {
    this.#shared = shared;
  }

  /** Starts new consumers, ends those that are gone, and starts changed ones anew. Cursors stay. */
  async configure(plans: readonly ConsumerPlan[]): Promise<void> {
    const wanted = new Map(plans.map((plan) => [plan.name, plan]));
    for (const [name, { consumer, fingerprint }] of this.#running) {
      const plan = wanted.get(name);
      if (plan !== undefined && fingerprintOf(plan) === fingerprint) continue;
      this.#running.delete(name);
      await consumer.stop();
    }
    for (const plan of plans) {
      if (this.#running.has(plan.name)) continue;
      const consumer = new Consumer({ ...this.#shared, plan });
      this.#running.set(plan.name, { consumer, fingerprint: fingerprintOf(plan) });
      consumer.start();
    }
  }

  status(): Promise<readonly ConsumerStatus[]> {
    return Promise.all([...this.#running.values()].map(({ consumer }) => consumer.status()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ consumer }) => consumer.stop()));
  }
}

const fingerprintOf = (plan: ConsumerPlan): string => JSON.stringify(plan);
