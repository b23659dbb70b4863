/** CNI_ARGS: `KEY=value;KEY=value`, the requests of the runtime's user. */

import { parseCidr } from '../address/cidr.ts';
import { type Ip, parseIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Pod } from '../ipam/attachment.ts';
import { describe, shortened } from '../schema/explain.ts';
import { parseMacAddress } from '../schema/net.ts';

export interface CniArgs {
  readonly ip: Ip | undefined;
  readonly mac: Uint8Array | undefined;
  /** Undefined unless the runtime gave Kubernetes' keys of the pod. */
  readonly pod: Pod | undefined;
}

export const KNOWN_ARGS = [
  'IP',
  'MAC',
  'GATEWAY',
  'IgnoreUnknown',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_INFRA_CONTAINER_ID',
  'K8S_POD_UID',
];
/** Compared in lower case, as in the reference. */
const TRUE = ['1', 't', 'true'];

/** @throws Fault `environment` that names the part of CNI_ARGS that cannot be used */
export function parseArgs(text: string): CniArgs {
  const pairs = parsePairs(text);
  const unknown = [...pairs.keys()].filter((key) => !KNOWN_ARGS.includes(key));
  if (unknown.length > 0 && !TRUE.includes(pairs.get('IgnoreUnknown')?.toLowerCase() ?? '')) throw unknownKeys(unknown);
  return { ip: parseRequestedIp(pairs.get('IP')), mac: parseMac(pairs.get('MAC')), pod: podOf(pairs) };
}

/** "namespace/name" of the pod, for the log. Unlike `parseArgs` it accepts every text. */
export function podName(text: string): string | undefined {
  const valueAt = (key: string) => new RegExp(`(?:^|;)${key}=([^;]+)`).exec(text)?.[1];
  const name = valueAt('K8S_POD_NAME');
  return name && `${valueAt('K8S_POD_NAMESPACE') ?? 'default'}/${name}`;
}

function parsePairs(text: string): Map<string, string> {
  const parts = text.split(';').filter((part) => part !== '');
  return new Map(
    parts.map((part) => {
      const equals = part.indexOf('=');
      if (equals <= 0) throw malformed(`${describe(part)} is not KEY=value`);
      return [part.slice(0, equals), part.slice(equals + 1)];
    }),
  );
}

function parseRequestedIp(text: string | undefined): Ip | undefined {
  if (!text) return undefined;
  const ip = parseIp(text) ?? parseCidr(text)?.ip;
  if (ip === undefined) throw malformed(`IP=${shortened(text)} is not an IP address`);
  return ip;
}

function parseMac(text: string | undefined): Uint8Array | undefined {
  if (!text) return undefined;
  const mac = parseMacAddress(text);
  if (mac === undefined) throw malformed(`MAC=${shortened(text)} is not a MAC address that an interface may have`);
  return mac;
}

function podOf(pairs: ReadonlyMap<string, string>): Pod | undefined {
  const pod = {
    namespace: pairs.get('K8S_POD_NAMESPACE'),
    name: pairs.get('K8S_POD_NAME'),
    infraContainerId: pairs.get('K8S_POD_INFRA_CONTAINER_ID'),
    uid: pairs.get('K8S_POD_UID'),
  };
  return Object.values(pod).some((value) => value !== undefined) ? pod : undefined;
}

function unknownKeys(keys: readonly string[]): Fault {
  return new Fault(
    'environment',
    `CNI_ARGS has keys that are not known here: ${keys.slice(0, 5).map(describe).join(', ')}`,
    {
      details: `Known are ${KNOWN_ARGS.join(', ')}; IgnoreUnknown=1 makes the plugin ignore the others.`,
    },
  );
}

function malformed(reason: string): Fault {
  return new Fault('environment', `CNI_ARGS is malformed: ${reason}`, {
    details: 'It must be a list of KEY=value, separated by ";".',
  });
}
