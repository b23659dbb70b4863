/**
 * zod/mini, set up for the plugin path: `jitless` keeps zod from compiling validators (start-up is dearer than the one
 * parse we do). Schemas import it as `import * as z from './zod.ts'`, so that what nobody uses is left out of the bundle.
 */

import { config } from 'zod/mini';

config({ jitless: true });

export * from 'zod/mini';
