// The namespaces of the demo before any plugin ran: an internet host, a node behind it, containers without a network.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ipBatch, netnsPath } from '../tools/netns.mjs';
import { complaint } from '../tools/run.mjs';
import { CONTAINERS, INTERNET, NODE } from './network.mjs';

const SERVER = fileURLToPath(new URL('internet-server.mjs', import.meta.url));

/** The node's interface towards the internet, and the internet host's towards the node. */
export const UPLINK = 'uplink0';
export const OUTSIDE = 'eth0';

/** Makes the namespaces and connects node and internet. @returns their names, the containers' in order. */
export function buildWorld(scratch) {
  const [internet, node, ...containers] = scratch.netnsAll(['internet', 'node', ...CONTAINERS]);
  ipBatch(node, `link add ${UPLINK} type veth peer name ${OUTSIDE} netns ${internet}\n`);
  ipBatch(internet, bringUp(OUTSIDE, INTERNET));
  ipBatch(node, bringUp(UPLINK, NODE) + INTERNET.map((gateway) => `route add default via ${gateway}\n`).join(''));
  return { internet, node, containers };
}

/** Starts the web server on the internet host; it ends with this process. @returns the process, once it listens. */
export async function startInternet(netns) {
  const execArgv = [`--net=${netnsPath(netns)}`, process.execPath];
  const server = fork(SERVER, INTERNET, { execPath: 'nsenter', execArgv });
  const [message] = await Promise.race([once(server, 'message'), once(server, 'exit')]);
  if (message !== 'listening') throw complaint('the web server of the internet host did not start');
  return server;
}

function bringUp(interfaceName, [v4, v6]) {
  const addresses = [`${v4}/24`, `${v6}/64 nodad`];
  return [
    'link set lo up',
    `link set ${interfaceName} up`,
    ...addresses.map((address) => `address add ${address} dev ${interfaceName}`),
    '',
  ].join('\n');
}
