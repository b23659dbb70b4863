/** Everything that the kernel says of a namespace, read with its own tools, under keys that do not depend on order. */

import { entering, type Netns } from '../../../support/netns.ts';
import { SYSTEM_PATH } from '../../../support/process.ts';
import { byName, byText, filled, type Json, type JsonObject, lasting } from './json.ts';

/**
 * What `ip` and `bridge` print, one line for each command, and the sysctls of all interfaces (those in conf/default are for
 * future ones). Few processes, since hundreds of namespaces are read.
 */
const SCRIPT = `printf 'address show\\nroute show table all\\nrule show\\n' | ip -j -d -batch -
ip -j -6 rule
bridge -j -compressvlans vlan
grep -rs "" /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv[46]/conf/[!d]*`;
const LINES = 5;

export interface Reading {
  /** Of links: the kernel's own description. */
  readonly links: readonly JsonObject[];
  readonly state: JsonObject;
}

/** Waits until the kernel has noticed each carrier that there is, at most 3 s. @throws SyntaxError, where a tool failed */
export async function readState(ns: Netns): Promise<Reading> {
  for (let tries = 1; ; tries++) {
    const lines = (await shell(ns, SCRIPT)).split('\n');
    const answers = lines.slice(0, LINES).map((line) => JSON.parse(line) as JsonObject[]);
    const links = answers[0] ?? [];
    if (links.every(isSettled) || tries === 100) return { links, state: stateOf(answers, lines.slice(LINES)) };
    await Bun.sleep(30);
  }
}

function isSettled({ flags, operstate }: JsonObject): boolean {
  return !(flags as string[]).includes('LOWER_UP') || ['UP', 'UNKNOWN'].includes(operstate as string);
}

async function shell(ns: Netns, script: string): Promise<string> {
  const argv = entering(ns, ['/bin/sh', '-c', script]);
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', env: { PATH: SYSTEM_PATH } });
  return child.stdout.text();
}

function stateOf(answers: readonly JsonObject[][], files: readonly string[]): JsonObject {
  const [links, routes, rules4, rules6, vlans] = answers.map((entries) => entries.map(lasting) as JsonObject[]);
  return filled({
    link: byName(links, ({ ifname: _, addr_info: __, ...link }) => link),
    address: byName(links, ({ addr_info }) => byText(addr_info as JsonObject[])),
    route: byText(routes?.filter((route) => !isLate(route))),
    'rule 4': byText(rules4),
    'rule 6': byText(rules6),
    vlan: byName(vlans, (port) => byText(port.vlans as JsonObject[])),
    sysctl: sysctls(files),
  });
}

/** What the kernel makes of an IPv6 address when it has found no duplicate of it. */
function isLate({ dst, table, type }: JsonObject): boolean {
  return table === 'local' && type !== 'multicast' && String(dst).includes(':');
}

/** Files below /proc/sys/net by their paths. */
function sysctls(lines: readonly string[]): JsonObject {
  const pairs = lines.flatMap((line): [string, Json][] => {
    const [, path, value] = /^\/proc\/sys\/net\/([^:]+):(.*)$/.exec(line) ?? [];
    return path === undefined || value === undefined ? [] : [[path, value]];
  });
  return Object.fromEntries(pairs);
}
