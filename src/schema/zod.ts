/**
 * zod/mini, set up for the plugin path: `jitless` keeps zod from compiling validators (start-up is dearer than the one
 * parse we do). Every schema of the project imports `z` from here.
 */

import * as z from 'zod/mini';

z.config({ jitless: true });

export { z };
