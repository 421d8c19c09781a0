/**
 * What every MailStore promises, as tests. An implementation's own test file calls
 * {@link mailStoreContract} with a function that opens an empty store.
 */

import { describe } from 'vitest';
import { bodyCases } from './body-cases.ts';
import { changeCases } from './change-cases.ts';
import { durabilityCases } from './durability-cases.ts';
import { identityCases } from './identity-cases.ts';
import { lockAndLimitCases } from './lock-and-limit-cases.ts';
import { randomCases } from './random-cases.ts';
import { renameCases } from './rename-cases.ts';
import { saveCases } from './save-cases.ts';
import type { OpenDurableStore, OpenStore } from './setup.ts';
import { treeCases } from './tree-cases.ts';

export type { OpenStore, OpenStoreOptions, StoreUnderTest } from './setup.ts';

/** Declares the contract's cases; `openStore` is called for each and must open an empty store each time. */
export function mailStoreContract(name: string, openStore: OpenStore): void {
  describe(`${name} keeps the contract of MailStore`, () => {
    treeCases(openStore);
    identityCases(openStore);
    renameCases(openStore);
    saveCases(openStore);
    changeCases(openStore);
    bodyCases(openStore);
    lockAndLimitCases(openStore);
    randomCases(openStore);
  });
}

/** The contract of a store that keeps what it was given: the same cases, and what is there when it is opened again. */
export function durableMailStoreContract(name: string, openStore: OpenDurableStore): void {
  mailStoreContract(name, openStore);
  describe(`${name} is durable`, () => durabilityCases(openStore));
}
