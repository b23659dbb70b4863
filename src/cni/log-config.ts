/** The key `log`: which file, and from which level on. */

import { LOG_LEVELS } from '../log.ts';
import { textOrNothing } from '../schema/net.ts';
import { object, type ValueOf } from '../schema/shape.ts';

const absolutePath = textOrNothing('an absolute path', (path) => (path.startsWith('/') ? path : undefined));

const level = textOrNothing(`a level; levels are ${LOG_LEVELS.join(', ')}`, (name) =>
  LOG_LEVELS.find((known) => known === name),
);

/** Without a file there is no log. */
export const logShape = object({ file: absolutePath, level });

export type LogSection = ValueOf<typeof logShape>;
