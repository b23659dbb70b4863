// The first two experiments, by hand with ip(8): what a network namespace is, and what a veth pair does.

import { ipBatch } from '../tools/netns.mjs';
import { paint } from '../tools/screen.mjs';
import { CONTAINERS } from './network.mjs';
import { PING_WIDTHS, showPing } from './traffic.mjs';

/** Addresses reserved for documentation (RFC 5737, RFC 3849), one a namespace. */
const PAIR = [
  ['192.0.2.1', '2001:db8:2::1'],
  ['192.0.2.2', '2001:db8:2::2'],
];

/** Each namespace has interfaces, addresses and routes of its own: at first none, so nothing reaches anything. */
export async function showIsolation(report, { containers }) {
  report.section('1. Two namespaces: isolated', PING_WIDTHS);
  report.show([paint('dim', `    ip netns add ${CONTAINERS[0]} && ip netns add ${CONTAINERS[1]}`)]);
  await showBothWays(report, containers, false);
}

/** A veth pair is a cable between two namespaces. It has two ends, so a third container would need a cable to each. */
export async function showVethPair(report, { containers }) {
  const [first, second] = containers;
  report.section('2. A veth pair: a cable between the two', PING_WIDTHS);
  report.show([
    paint('dim', `    ip -n ${CONTAINERS[0]} link add pair type veth peer name pair netns ${CONTAINERS[1]}`),
  ]);
  ipBatch(first, `link add pair type veth peer name pair netns ${second}\n`);
  for (const [i, netns] of [first, second].entries()) ipBatch(netns, up(PAIR[i]));
  await showBothWays(report, containers, true);
  ipBatch(first, 'link delete pair\n');
}

async function showBothWays(report, containers, expected) {
  for (const [from, to] of [
    [0, 1],
    [1, 0],
  ]) {
    const host = { name: CONTAINERS[from], netns: containers[from] };
    await showPing(report, host, { name: CONTAINERS[to], addresses: PAIR[to] }, expected);
  }
}

function up([v4, v6]) {
  return `link set pair up\naddress add ${v4}/24 dev pair\naddress add ${v6}/64 dev pair nodad\n`;
}
