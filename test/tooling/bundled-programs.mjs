// Before any test: the programs that tests start are bundled from what was built last.
import { ensureBundled } from './bundle.mjs';
import { root } from './setup.mjs';

export const setup = () => ensureBundled(root);
