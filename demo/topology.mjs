// What there is, read from the kernel and not from what was asked for.

import { ipJson, nftJson } from '../tools/netns.mjs';
import { CONTAINERS } from './network.mjs';
import { OUTSIDE, UPLINK } from './world.mjs';

/** @returns the hosts with their interfaces, the bridge with its ports, and behind each port the container. */
export function readTopology({ internet, node, containers }) {
  const links = linksIn(node);
  const bridge = links.find((link) => link.linkinfo?.info_kind === 'bridge');
  const inside = containers.map((netns, i) => ({ name: CONTAINERS[i], ...interfaceOf(linksIn(netns), 'eth0') }));
  const ports = links.filter((link) => bridge && link.master === bridge.ifname);
  return {
    internet: interfaceOf(linksIn(internet), OUTSIDE),
    uplink: interfaceOf(links, UPLINK),
    bridge: bridge && { ...describe(bridge), mac: bridge.address, mtu: bridge.mtu },
    masqueraded: readElements(node).length,
    ports: ports.map((port) => ({
      hostVeth: port.ifname,
      container: inside.find(({ peerIndex }) => peerIndex === port.ifindex),
    })),
  };
}

/** The elements of all sets and maps of nftables in a namespace, each with the set it is in; not the sets' own anchors. */
export function readElements(netns) {
  const sets = nftJson(netns, 'list', 'ruleset').flatMap((object) => object.set ?? object.map ?? []);
  return sets.flatMap(({ family, table, name, elem = [] }) =>
    elem
      .filter((element) => element.elem?.comment !== 'anchor')
      .map((element) => ({ set: `${family} ${table} ${name}`, element })),
  );
}

function linksIn(netns) {
  return ipJson(netns, '-d', 'address');
}

function interfaceOf(links, name) {
  const link = links.find(({ ifname }) => ifname === name);
  return link && describe(link);
}

/** In the details of a veth, `link_index` is the index of its peer in the peer's own namespace. */
function describe({ ifname, addr_info, link_index }) {
  const global = addr_info.filter(({ scope }) => scope === 'global');
  return { interface: ifname, addresses: global.map((a) => `${a.local}/${a.prefixlen}`), peerIndex: link_index };
}
