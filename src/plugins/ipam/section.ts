/** The key `ipam` of a main plugin: its addresses come from this process, from another plugin, or there are none. */

import * as z from 'zod/mini';
import type { Delegation } from '../../cni/delegate.ts';
import type { Environment } from '../../cni/environment.ts';
import type { IpamSection, optionalIpamSchema } from '../../ipam/config.ts';
import type { Parsed } from '../../schema/explain.ts';
import { isObject } from '../../schema/json.ts';
import { options } from '../../schema/net.ts';

/** The names of the IPAM that this process does itself: as a plugin of its own, and in place of one. */
export const OWN_IPAM: readonly string[] = ['trestle-ipam', 'host-local'];

/** Another IPAM plugin reads the rest of its section itself. `dataDir` is where our record of the attachment lies. */
export const foreignIpamSchema = options({ type: z.string(), dataDir: z.string() });

export type MainIpamSection = Parsed<typeof optionalIpamSchema>;

/** Where the addresses come from; both undefined: there are none (layer 2 only). */
export interface AddressSource {
  readonly ipam: IpamSection | undefined;
  readonly delegation: Delegation | undefined;
}

/** Whether another plugin is to give the addresses, by a configuration that is not validated yet. */
export function isDelegated(config: unknown): boolean {
  const type = isObject(config) && isObject(config.ipam) ? config.ipam.type : undefined;
  return typeof type === 'string' && type !== '' && !OWN_IPAM.includes(type);
}

/** `ipam` absent or without a type means layer 2 only. `input` is what another plugin gets on stdin. */
export function readAddressSource(
  section: MainIpamSection | undefined,
  { path, variables }: Environment,
  input: string,
): AddressSource {
  const type = section?.type;
  if (type === undefined || type === '') return { ipam: undefined, delegation: undefined };
  if (OWN_IPAM.includes(type)) return { ipam: { ...section, type }, delegation: undefined };
  return { ipam: undefined, delegation: { type, path, variables, input } };
}
