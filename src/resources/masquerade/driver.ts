/** The face of what masquerades: nftables or iptables. */

import type { Cidr } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import type { Fault } from '../../fault.ts';
import type { Node } from '../node.ts';

/** An address that is masqueraded when it talks to anything outside its subnet. */
export interface Masqueraded {
  readonly network: string;
  readonly address: Cidr;
  /** The attachment, see `ownerText`. */
  readonly owner: string;
}

export interface MasqueradeDriver {
  /**
   * Masquerades the address. Where its chain or set was flushed, or not made yet, `live` gives the other addresses of the
   * network that are to be masqueraded, and the driver masquerades them, too. @throws KernelError, SystemError, Fault
   */
  ensure(node: Node, entry: Masqueraded, live: () => readonly Masqueraded[]): void;
  /** Only reads. @throws Fault `check` where the address is not masqueraded, KernelError, SystemError */
  verify(node: Node, entry: Masqueraded): void;
  /** Stops masquerading the address. @returns whether it was masqueraded. @throws KernelError, SystemError, Fault */
  remove(node: Node, entry: Masqueraded): boolean;
  /** The owners of the masqueraded addresses of the same subnet. Only reads. @throws KernelError, SystemError */
  owners(node: Node, subnet: Pick<Masqueraded, 'network' | 'address'>): readonly string[];
  /** Why the driver cannot masquerade here; undefined where it can. Changes nothing. @throws KernelError, SystemError */
  able(node: Node, families: readonly Family[]): Fault | undefined;
}
