// The floor as a contender: a C program that sends an ADD's and a DEL's netlink messages and does nothing else.

import { netnsPath } from '../tools/netns.mjs';
import { compile } from './compile.mjs';

const VETH = 'vethfloor';
const [ADDRESS, PREFIX, GATEWAY] = ['10.22.255.1', '16', '10.22.0.1'];

/**
 * A node that the floor is measured on: one of ours, whose bridge and set are there already. Its containers are the other
 * node's, at a time when they are detached.
 * @returns a node as `openNode` does, whose calls run the program
 */
export function floorNode({ directory }, node) {
  const file = compile('floor', directory);
  const { config } = node;
  const set = `masq-${config.name}-${config.ipam.ranges[0][0].subnet}`;
  const contender = { name: 'floor: the netlink messages, in C', id: 'floor' };
  const call = (command, i) => {
    const netns = netnsPath(node.pods[i]);
    const args = [command, netns, config.bridge, VETH, ADDRESS, PREFIX, GATEWAY, 'trestle', set];
    return node.call(command, i, { under: () => ({ file, args }) });
  };
  return { ...node, contender, label: contender.id, call, close: () => undefined };
}
