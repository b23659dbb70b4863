/**
 * What we use of zod/mini, set up for the plugin path: `jitless` keeps zod from compiling validators (start-up is dearer
 * than the one parse we do).
 */

import { config } from 'zod/mini';

config({ jitless: true });

export type { core, ZodMiniType } from 'zod/mini';
export {
  array,
  boolean,
  int,
  literal,
  maximum,
  minimum,
  number,
  object,
  record,
  safeParse,
  string,
  unknown,
} from 'zod/mini';
