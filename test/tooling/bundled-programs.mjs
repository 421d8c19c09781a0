// Before any test: the programs that tests start are bundled from the source as it is.
import { ensureBundled } from './bundle.mjs';
import { root } from './setup.mjs';

export const setup = () => ensureBundled(root);
