/** The keys that are about packet filters: which one masquerades, and what of forwarding is accepted. */

import { Fault } from '../../fault.ts';
import type { ForwardAcceptWanted } from '../../resources/forward-accept/forward-accept.ts';
import type { Backend } from '../../resources/masquerade/backend.ts';
import { describe } from '../../schema/explain.ts';
import type { MainConfig } from './config.ts';

/**
 * What is accepted of forwarding where something drops it. Without a gateway nothing is, unless the key asks for it, and a drop of
 * bridged frames is looked for. Undefined for "off", and for a value that is not known.
 */
export function forwardMode(config: MainConfig): ForwardAcceptWanted['mode'] | undefined {
  const { forward, isGateway, isDefaultGateway } = config;
  if (!forward) return isGateway || isDefaultGateway ? 'auto' : 'look';
  return forward === 'auto' || forward === 'open' ? forward : undefined;
}

/** @throws Fault `config` for a value that is not known */
export function verifyForward({ forward }: MainConfig): void {
  if (!forward || forward === 'auto' || forward === 'open' || forward === 'off') return;
  throw new Fault('config', `cannot use the configuration: forward: ${describe(forward)} is not known`, {
    details: 'It must be "auto", "open" or "off", or be left out.',
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
