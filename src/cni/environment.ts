/** The CNI_* environment variables of one call, and the arguments in CNI_ARGS, validated (CNI spec 1.1, section 2). */

import { parseCidr } from '../address/cidr.ts';
import { type Ip, parseIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Pod } from '../ipam/attachment.ts';
import { describe, shortened } from '../schema/explain.ts';
import { parseMacAddress } from '../schema/net.ts';
import { encodeUtf8 } from '../sys/text.ts';

export const COMMANDS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type Command = (typeof COMMANDS)[number];

/** An absent variable is an empty string: the specification makes no difference. */
export interface Environment {
  readonly command: Command;
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  readonly args: string;
  /** CNI_NETNS_OVERRIDE: the container's netns may be the one that the plugin runs in. */
  readonly allowOwnNetns: boolean;
  /** The directories of CNI_PATH, where the other plugins are. */
  readonly path: readonly string[];
  /** All variables, unchanged, for delegated plugins. */
  readonly variables: Variables;
}

export type Variables = Readonly<Record<string, string | undefined>>;

export interface CniArgs {
  readonly ip: Ip | undefined;
  readonly mac: Uint8Array | undefined;
  /** Undefined unless the runtime gave Kubernetes' keys of the pod. */
  readonly pod: Pod | undefined;
}

/** The variables without which a command cannot be carried out. */
const NEEDED: Record<Command, readonly string[]> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: [],
  STATUS: [],
  VERSION: [],
};

/** In characters: an identifier becomes a part of file names, which have 255 bytes. */
const IDENTIFIER_MOST = 200;
const IDENTIFIER = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** IFNAMSIZ, without its NUL (linux/if.h). */
const IFNAME_MOST = 15;

/** The keys of CNI_ARGS that are accepted without IgnoreUnknown. */
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
/** The values of IgnoreUnknown that mean true, in lower case: case is ignored, as in the reference. */
const TRUE = ['1', 't', 'true'];

/** @throws Fault `environment` that names each variable that is missing, or the one that is malformed */
export function readEnvironment(variables: Variables): Environment {
  const command = readCommand(variables.CNI_COMMAND);
  const missing = NEEDED[command].filter((name) => !variables[name]);
  if (missing.length > 0) throw missingVariables(command, missing);
  const { CNI_CONTAINERID: containerId = '', CNI_IFNAME: ifName = '', CNI_NETNS: netns = '' } = variables;
  if (NEEDED[command].includes('CNI_CONTAINERID')) verifyIdentifier('CNI_CONTAINERID', containerId, 'environment');
  if (NEEDED[command].includes('CNI_IFNAME')) verifyInterfaceName('CNI_IFNAME', ifName, 'environment');
  const path = (variables.CNI_PATH ?? '').split(':').filter((directory) => directory !== '');
  const allowOwnNetns = isOverride(variables.CNI_NETNS_OVERRIDE ?? '');
  return { command, containerId, netns, ifName, args: variables.CNI_ARGS ?? '', allowOwnNetns, path, variables };
}

/**
 * Network names and container IDs become file names, so they must match the specification's pattern. @throws Fault of `kind`
 */
export function verifyIdentifier(what: string, value: string, kind: 'environment' | 'config'): void {
  if (value.length > IDENTIFIER_MOST) {
    throw new Fault(kind, `${what} is ${value.length} characters long: ${describe(value)}`, {
      details: `At most ${IDENTIFIER_MOST} characters are allowed, since it becomes part of file names.`,
    });
  }
  if (IDENTIFIER.test(value)) return;
  throw new Fault(kind, `${what} is malformed: ${describe(value)}`, {
    details: 'It must begin with a letter or digit, and may have only letters, digits, "_", "." and "-".',
  });
}

/**
 * The rules of the kernel and the specification: 1 to 15 bytes, no `/`, `:` or white space, not `.` or `..`; and no `%`, since
 * the kernel takes `eth%d` for a pattern. @throws Fault of `kind`
 */
export function verifyInterfaceName(what: string, name: string, kind: 'environment' | 'config'): void {
  const bytes = encodeUtf8(name).length;
  let reason: string | undefined;
  if (bytes > IFNAME_MOST) reason = `it has ${bytes} bytes, and an interface name has at most ${IFNAME_MOST}`;
  else if (name === '.' || name === '..') reason = 'no interface may have that name';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  else if (/[/:%\s\u0000-\u001f\u007f]/.test(name))
    reason = 'it contains "/", ":", "%", white space or a control character';
  if (reason !== undefined) throw new Fault(kind, `${what} is malformed: ${describe(name)}: ${reason}`);
}

/** Parses CNI_ARGS. @throws Fault `environment` that names the part that cannot be used */
export function parseArgs(text: string): CniArgs {
  const pairs = parsePairs(text);
  const unknown = [...pairs.keys()].filter((key) => !KNOWN_ARGS.includes(key));
  if (unknown.length > 0 && !TRUE.includes(pairs.get('IgnoreUnknown')?.toLowerCase() ?? '')) throw unknownKeys(unknown);
  return { ip: parseRequestedIp(pairs.get('IP')), mac: parseMac(pairs.get('MAC')), pod: podOf(pairs) };
}

/** "namespace/name" of the pod, for the log. It accepts every text, unlike `parseArgs`. */
export function podName(text: string): string | undefined {
  const valueAt = (key: string) => new RegExp(`(?:^|;)${key}=([^;]+)`).exec(text)?.[1];
  const name = valueAt('K8S_POD_NAME');
  return name && `${valueAt('K8S_POD_NAMESPACE') ?? 'default'}/${name}`;
}

/** CNI_NETNS_OVERRIDE as pkg/skel of containernetworking/cni reads it: 1, and TRUE in any case. */
function isOverride(value: string): boolean {
  return value === '1' || value.toUpperCase() === 'TRUE';
}

function readCommand(value: string | undefined): Command {
  const command = COMMANDS.find((known) => known === value);
  if (command !== undefined) return command;
  const reason = value ? `${describe(value)} is not a CNI command` : 'it is missing';
  throw new Fault('environment', `CNI_COMMAND: ${reason}`, { details: `It must be one of ${COMMANDS.join(', ')}.` });
}

function missingVariables(command: Command, names: readonly string[]): Fault {
  const verb = names.length === 1 ? 'is' : 'are';
  return new Fault('environment', `cannot do ${command}: ${names.join(', ')} ${verb} missing from the environment`, {
    details: `${command} needs ${NEEDED[command].join(', ')}.`,
  });
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
