/**
 * What every MailStore promises, as tests. An implementation's own test file calls
 * {@link mailStoreContract} with a function that opens an empty store.
 */

import { describe } from 'vitest';
import { bodyCases } from './body-cases.ts';
import { changeCases } from './change-cases.ts';
import { identityCases } from './identity-cases.ts';
import { lockAndLimitCases } from './lock-and-limit-cases.ts';
import { randomCases } from './random-cases.ts';
import { renameCases } from './rename-cases.ts';
import { saveCases } from './save-cases.ts';
import type { OpenStore } from './setup.ts';
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
