/**
 * What the plan of a record wants, as the record's JSON has it: `doctor` compares texts, for decoding some hundred plans takes
 * longer than looking at the containers.
 */

import type { AttachmentRecord, Json } from '../../../ipam/index.ts';
import { isObject } from '../../../schema/json.ts';

export interface WantedPort {
  readonly name: string;
  readonly bridge: string;
  readonly mtu: number | undefined;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  /** The container's interface stays down. */
  readonly keepDown: boolean;
}

export interface WantedRoute {
  readonly dst: string;
  readonly gw: string | undefined;
}

export interface WantedAddressing {
  readonly addresses: readonly { readonly address: string; readonly gateway: string | undefined }[];
  readonly routes: readonly WantedRoute[];
}

/** What an attachment has of each kind; undefined where its plan lacks the kind. */
export interface Wanted {
  readonly port: WantedPort | undefined;
  readonly addressing: WantedAddressing | undefined;
  /** Addresses with the subnet's length, on the bridge or on the gateway of the VLAN. */
  readonly gateway: { readonly vlan: number | undefined; readonly addresses: readonly string[] } | undefined;
  /** The MAC that the guard holds the container to. */
  readonly guardedMac: string | undefined;
}

type Entry = { readonly [key: string]: unknown };

/** Reads the plan; a record of 0.1.0, which has none, names the host veth alone. */
export function wantedOf({ plan = [], hostVeth }: Pick<AttachmentRecord, 'plan' | 'hostVeth'>): Wanted {
  const port = entryOf(plan, 'port');
  const addressing = entryOf(plan, 'addressing');
  const gateway = entryOf(plan, 'gateway');
  const guard = entryOf(plan, 'guard');
  return {
    port: port === undefined ? portOf({ name: hostVeth }) : portOf(port),
    addressing: addressing && addressingOf(addressing),
    gateway: gateway && { vlan: numberIn(gateway.vlan), addresses: textsIn(gateway.addresses) },
    guardedMac: textIn(guard?.mac),
  };
}

/** One resource of a plan, by its kind. */
export function entryOf(plan: readonly Json[], kind: string): Entry | undefined {
  return plan.find((one): one is Entry & Json => isObject(one) && one.kind === kind);
}

function portOf({ name, bridge, mtu, hairpin, isolated, keepDown }: Entry): WantedPort | undefined {
  if (typeof name !== 'string') return undefined;
  return {
    name,
    bridge: textIn(bridge) ?? '',
    mtu: numberIn(mtu),
    hairpin: hairpin === true,
    isolated: isolated === true,
    keepDown: keepDown === true,
  };
}

function addressingOf({ addresses, routes }: Entry): WantedAddressing {
  return {
    addresses: objectsIn(addresses).flatMap(({ address, gateway }) =>
      typeof address === 'string' ? [{ address, gateway: textIn(gateway) }] : [],
    ),
    routes: objectsIn(routes).flatMap(({ dst, gw }) => (typeof dst === 'string' ? [{ dst, gw: textIn(gw) }] : [])),
  };
}

function objectsIn(value: unknown): Entry[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
