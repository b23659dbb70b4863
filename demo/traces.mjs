// What containers have while they run, and must not leave behind: leases and records on disk, links and set elements in
// the kernel.

import { existsSync, readdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { ipJson } from '../tools/netns.mjs';
import { paint } from '../tools/screen.mjs';
import { CONTAINERS, SUBNETS } from './network.mjs';
import { readElements } from './topology.mjs';
import { UPLINK } from './world.mjs';

/** Belong to the network or the node and stay: the lock, where round robin goes on, the boot that the leases are of, the generation. */
const LASTING = /^(lock|last_reserved_ip\.\d+|boot|\.generation)$/;

/** Looks at the disk and the kernel. @returns the names of what is there, by kind. */
export function findTraces({ node, containers }, config) {
  const files = filesIn(config.ipam.dataDir).filter((name) => !LASTING.test(name));
  const veths = namesOf(ipJson(node, 'link', 'show', 'type', 'veth'));
  const isLease = (name) => isIP(name) !== 0;
  return {
    leases: files.filter(isLease),
    records: files.filter((name) => !isLease(name)),
    'host veths': veths.filter((name) => name !== UPLINK),
    'bridge ports': namesOf(ipJson(node, 'link', 'show', 'master', config.bridge)),
    'set elements': readElements(node).map(({ set, element }) => `${JSON.stringify(element)} in ${set}`),
    'container links': containers.flatMap((netns) => namesOf(ipJson(netns, 'link', 'show', 'type', 'veth'))),
  };
}

/** Shows that each kind was there with the containers, as many as it should, and is gone. */
export function showTraces(report, config, before, after) {
  report.section('Nothing is left', [16, 6]);
  for (const [kind, [each, where]] of Object.entries(expected(config))) {
    const left = after[kind];
    const counts = [before[kind].length, left.length];
    const isGood = counts[0] === each * CONTAINERS.length && left.length === 0;
    const told = left.length > 0 ? paint('red', left.join(', ')) : paint('dim', where);
    report.step(kind, isGood, [counts.join(' → '), told], { before: counts[0], left });
  }
}

/** By kind: how many a running container has, and where to look. */
function expected(config) {
  return {
    leases: [SUBNETS.length, `${config.ipam.dataDir}/${config.name}`],
    records: [1, `${config.ipam.dataDir}/.trestle/${config.name}`],
    'host veths': [1, 'ip link show type veth'],
    'bridge ports': [1, `ip link show master ${config.bridge}; the bridge itself stays for the next container`],
    'set elements': [SUBNETS.length, 'nft list ruleset: the addresses to masquerade'],
    'container links': [1, 'ip link show type veth, in the containers'],
  };
}

function filesIn(directory) {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function namesOf(links) {
  return links.map(({ ifname }) => ifname);
}
