/** The keys that are about packet filters: which one masquerades, and whether forwarding is to be accepted. */

import { Fault } from '../fault.ts';
import type { Backend } from '../network/masquerade-backend.ts';
import { describe } from '../schema/complaints.ts';
import type { MainConfig } from './config.ts';

/** Whether forwarding is to be accepted where something drops it; undefined where the key says nothing. @throws Fault `config` */
export function forwardAccept({ forward }: MainConfig): boolean | undefined {
  if (!forward) return undefined;
  if (forward === 'auto' || forward === 'off') return forward === 'auto';
  throw new Fault('config', `cannot use the configuration: forward: ${describe(forward)} is not known`, {
    details: 'It must be "auto" or "off", or be left out.',
  });
}

/** @throws Fault `config` for a backend that is none */
export function masqueradeBackend({ ipMasqBackend }: MainConfig): Backend {
  if (!ipMasqBackend) return 'auto';
  if (ipMasqBackend === 'nftables' || ipMasqBackend === 'iptables') return ipMasqBackend;
  throw new Fault('config', `cannot use the configuration: ipMasqBackend: ${describe(ipMasqBackend)} is no backend`, {
    details: 'It must be "nftables" or "iptables", or be left out.',
  });
}
