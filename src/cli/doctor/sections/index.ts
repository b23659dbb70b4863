/** The sections in the order in which they are shown: from the node to what it can reach. */

import type { Section } from '../examination.ts';
import { configurations } from './configurations.ts';

export const SECTIONS: readonly Section[] = [configurations];
