/** What the store's tests share: fresh directories, and the fixtures. */

import { scratchDirectory } from '../../support/scratch.ts';

export * from './fixtures.ts';

/** A fresh directory, gone when the test process is. */
export const scratch = scratchDirectory;
