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
  /**
   * With the iptables of Debian 12, Debian's bridge fails to delete a masqueraded container for which it made no chain. Interface
   * and lease are gone all the same, and the second DEL, which runtimes send, succeeds.
   */
  readonly forgivesMissingChains: boolean;
  /** Why it cannot be used here, if it cannot. */
  readonly obstacle: string | undefined;
}

export const RELEASES = [
  {
    name: 'Debian 1.1.1',
    directory: REFERENCE_DIRECTORY,
    cniVersion: '1.0.0',
    portmapChecks: false,
    forgivesMissingChains: false,
    obstacle: undefined,
  },
  {
    name: `current ${GO_MODULES.plugins.version}`,
    directory: goDirectory(GO_MODULES.plugins),
    cniVersion: '1.1.0',
    portmapChecks: true,
    forgivesMissingChains: true,
    obstacle: whyNoGoModule('plugins'),
  },
] as const satisfies readonly Release[];
