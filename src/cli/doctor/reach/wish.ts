/** What the operator asks `doctor` to send. */

import type { ProbeTarget } from '../../../netlink/probe/probe.ts';

export interface ProbeWish {
  readonly to: readonly ProbeTarget[];
  /** From the containers of this network only. */
  readonly network: string | undefined;
}
