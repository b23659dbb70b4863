// The network of the demo: the plugin, its configuration, and the names and addresses that appear in the show.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DIST } from '../tools/setup.mjs';

/** The plugin under show, run as a runtime runs it: the executable, or where none could be built the bundle, by Node. */
export function plugin() {
  const names = ['trestle', 'trestle.cjs'];
  return { file: names.map((name) => join(DIST, name)).find(existsSync), cniPath: DIST };
}

/** The containers, each a namespace. */
export const CONTAINERS = ['web', 'api', 'db'];

/** The subnets of the containers, and the bridge's address in each. */
export const SUBNETS = ['10.88.0.0/24', 'fd00:10:88::/64'];
export const GATEWAYS = ['10.88.0.1', 'fd00:10:88::1'];

/** The node's and the internet host's addresses: the ranges reserved for documentation (RFC 5737, RFC 3849). */
export const NODE = ['203.0.113.10', '2001:db8:1::10'];
export const INTERNET = ['203.0.113.1', '2001:db8:1::1'];

/** The network configuration that the runtime hands to the plugin on stdin. */
export function configuration(dataDir) {
  return {
    cniVersion: '1.1.0',
    name: 'demo',
    type: 'trestle',
    bridge: 'cni0',
    isDefaultGateway: true,
    ipMasq: true,
    ipam: { type: 'trestle-ipam', ranges: SUBNETS.map((subnet) => [{ subnet }]), dataDir },
  };
}
