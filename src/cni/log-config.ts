/** The key `log`: which file, and from which level on. */

import { LOG_LEVELS } from '../log.ts';
import type { Parsed } from '../schema/explain.ts';
import { options, textOrNothing } from '../schema/net.ts';

const absolutePath = textOrNothing('an absolute path', (path) => (path.startsWith('/') ? path : undefined));

const level = textOrNothing(`a level; levels are ${LOG_LEVELS.join(', ')}`, (name) =>
  LOG_LEVELS.find((known) => known === name),
);

/** Without a file there is no log. */
export const logSchema = options({ file: absolutePath, level });

export type LogSection = Parsed<typeof logSchema>;
