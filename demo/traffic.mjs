// The proof that the network works: pings inside it, and requests to the internet host, which tells whom it saw.

import { fileURLToPath } from 'node:url';
import { ipJson, runIn, runLongIn } from '../tools/netns.mjs';
import { paint } from '../tools/screen.mjs';
import { CONTAINERS, GATEWAYS, INTERNET, NODE, SUBNETS } from './network.mjs';

const VISIT = fileURLToPath(new URL('visit.mjs', import.meta.url));
/** The columns of a step: who with whom, and a column an address. */
export const PING_WIDTHS = [14, 30, 30];

/** The containers, with the addresses that they have now. */
export function hostsOf({ containers }) {
  return containers.map((netns, i) => ({ name: CONTAINERS[i], netns, addresses: addressesIn(netns) }));
}

/** Pings in a circle, and pings to the gateway; IPv4 and IPv6. */
export async function showPings(report, world) {
  const hosts = hostsOf(world);
  for (const [i, host] of hosts.entries()) await showPing(report, host, hosts[(i + 1) % hosts.length]);
  for (const host of hosts) await showPing(report, host, { name: 'gateway', addresses: GATEWAYS });
}

/** A visit to the internet from each container, which is seen there with the node's address. */
export async function showVisits(report, world) {
  showNoWayBack(report, world.internet);
  for (const host of hostsOf(world)) await showVisit(report, host);
}

/** Pings each address of `to` from the namespace of `from`. `expected` says whether an answer is to come. */
export async function showPing(report, from, to, expected = true) {
  const answers = [];
  for (const address of to.addresses) answers.push(await ping(from.netns, address));
  const cells = answers.map(({ address, told }) => `${address} ${paint('dim', told)}`);
  const isGood = answers.length === SUBNETS.length && answers.every(({ ok }) => ok === expected);
  report.step(`${from.name} → ${to.name}`, isGood, cells, { answers });
}

/** So an answer to a container can only reach it through the node's address. */
function showNoWayBack(report, internet) {
  const reachable = SUBNETS.filter((subnet) => hasRoute(internet, subnet.split('/')[0]));
  const told = reachable.length === 0 ? 'has no route to' : `has a route to ${reachable.join(', ')} of`;
  report.step('internet', reachable.length === 0, [`${told} ${SUBNETS.join(' or ')}`]);
}

async function showVisit(report, { name, netns }) {
  const visits = [];
  for (const address of INTERNET) visits.push(await visit(netns, address));
  const cells = visits.map(({ address, seen, error }) => `http://${urlHost(address)} ${seenAs(seen, error)}`);
  const isGood = visits.every(({ seen }, i) => seen === NODE[i]);
  report.step(`${name} → internet`, isGood, cells, { visits });
}

async function ping(netns, address) {
  try {
    const output = await runLongIn(netns, 'ping', '-n', '-c', '1', '-W', '2', address);
    return { address, ok: true, told: `${/time=([\d.]+)/.exec(output)?.[1]} ms` };
  } catch (error) {
    return { address, ok: false, told: /connect: (.*)/.exec(error.message)?.[1].toLowerCase() ?? 'no answer' };
  }
}

async function visit(netns, address) {
  try {
    return { address, seen: await runLongIn(netns, process.execPath, VISIT, address) };
  } catch (error) {
    return { address, error: error.message.split('\n').at(-1) };
  }
}

function seenAs(seen, error) {
  return seen ? `${paint('dim', 'saw')} ${paint('cyan', seen)}` : paint('red', error);
}

function hasRoute(netns, address) {
  try {
    runIn(netns, 'ip', 'route', 'get', address);
    return true;
  } catch {
    return false;
  }
}

function addressesIn(netns) {
  const [link] = ipJson(netns, 'address', 'show', 'dev', 'eth0', 'scope', 'global');
  return link.addr_info.flatMap(({ local }) => local ?? []);
}

function urlHost(address) {
  return address.includes(':') ? `[${address}]` : address;
}
