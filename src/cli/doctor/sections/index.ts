/** The sections in the order in which they are shown: from the node to what it can reach. */

import type { Section } from '../examination.ts';
import { addresses } from './addresses.ts';
import { configurations } from './configurations.ts';
import { links } from './links.ts';

export const SECTIONS: readonly Section[] = [configurations, links, addresses];
