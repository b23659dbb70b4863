/**
 * A process in a node's namespace that does what many ADDs do at once: makes sure of the bridge, its gateways, and of the
 * masquerading of its own addresses. Says `ready`, waits for a line, does it and ends; what fails is on stderr. With
 * `coming-and-going` before the addresses it also removes all of them, twelve times, and leaves the last one.
 */

import { silentLog } from '../../../src/log.ts';
import { ensureBridge, findBridge } from '../../../src/resources/bridge/bridge-link.ts';
import { ensureGateways } from '../../../src/resources/gateway/gateway.ts';
import { ensureMasquerade, removeMasquerade } from '../../../src/resources/masquerade/nftables.ts';
import { openNode } from '../../../src/resources/node.ts';
import { cidr } from './values.ts';

const isComingAndGoing = process.argv[2] === 'coming-and-going';
const addresses = process.argv.slice(isComingAndGoing ? 3 : 2);
const entries = addresses.map((address) => ({
  network: 'pods',
  address: cidr(address),
  owner: `pods/${address}/eth0`,
}));

console.log('ready');
for await (const _ of console) break;

const node = openNode('', silentLog);
const settings = { name: 'cni0', mtu: 1400, promiscuous: false };
const bridge = ensureBridge(node.route, findBridge(node.route, 'cni0'), settings);
ensureGateways(node.route, bridge, { addresses: [cidr('10.1.0.1/16'), cidr('fd00:1::1/64')], force: false });
for (let round = 0; isComingAndGoing && round < 12; round++) {
  for (const entry of entries) ensureMasquerade(node.nft(), entry);
  for (const entry of entries) {
    if (!removeMasquerade(node.nft(), entry)) throw new Error(`${entry.owner} was not there`);
  }
}
for (const entry of isComingAndGoing ? entries.slice(-1) : entries) ensureMasquerade(node.nft(), entry);
node.close();
