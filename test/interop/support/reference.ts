/** The reference plugins as peers: Debian's, which clusters still run, and the current release. */

import { REFERENCE_DIRECTORY } from '../../support/artifacts.ts';
import { GO_MODULES, goDirectory, whyNoGoModule } from '../../support/go-programs.ts';

export interface Release {
  readonly name: string;
  readonly directory: string;
  /** The newest that its plugins know. */
  readonly cniVersion: string;
  /** Debian's portmap never passes its own CHECK of a published port: it looks for the chain of IPv4 among those of IPv6. */
  readonly portmapChecks: boolean;
  /** Why it cannot be used here, if it cannot. */
  readonly obstacle: string | undefined;
}

export const RELEASES: readonly Release[] = [
  {
    name: 'Debian 1.1.1',
    directory: REFERENCE_DIRECTORY,
    cniVersion: '1.0.0',
    portmapChecks: false,
    obstacle: undefined,
  },
  {
    name: `current ${GO_MODULES.plugins.version}`,
    directory: goDirectory(GO_MODULES.plugins),
    cniVersion: '1.1.0',
    portmapChecks: true,
    obstacle: whyNoGoModule('plugins'),
  },
];
