/** The reference plugin tuning, chained behind us: CHECK holds after it changed the interface, and DEL works. */

import { expect, test } from 'bun:test';
import { reference } from '../support/artifacts.ts';
import { type CniResult, cni, failed, succeeded } from '../support/cni.ts';
import { sysctl } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { type Config, e2e, mustLink, network, V4, V6 } from './support/network.ts';

const CHANGES: [string, Config, Partial<ReturnType<typeof mustLink>>][] = [
  ['the MAC', { mac: '0a:00:00:00:00:77' }, { address: '0a:00:00:00:00:77' }],
  ['the MTU', { mtu: 1280 }, { mtu: 1280 }],
  ['promiscuity', { promisc: true }, { promiscuity: 1 }],
  ['all of them', { mac: '0a:00:00:00:00:77', mtu: 1280, promisc: true }, { address: '0a:00:00:00:00:77', mtu: 1280 }],
];

/** Tuning as the next plugin of the list. @returns its result, which the runtime hands to every plugin from then on */
function tune(node: ScratchNode, container: Container, changes: Config, prevResult: CniResult): CniResult {
  const sysctls = { 'net.ipv4.conf.eth0.arp_filter': '1' };
  const config = { cniVersion: '1.0.0', name: 'pods', type: 'tuning', sysctl: sysctls, ...changes, prevResult };
  return succeeded(cni(node, { artifact: reference('tuning'), command: 'ADD', container, config }));
}

e2e('after tuning changed', (artifact) => {
  test.each(CHANGES)('%s, CHECK is content, traffic flows, DEL leaves nothing', (_, changes, expected) => {
    using node = createNode();
    const container = node.container();
    const before = leftovers(node);
    const pods = runtime(node, artifact, network(node, { cniVersion: '1.0.0', mtu: 1400 }));
    const prevResult = tune(node, container, changes, succeeded(pods.add(container)));
    expect(mustLink(container.ns, 'eth0')).toMatchObject(expected);
    expect(sysctl(container.ns, 'net/ipv4/conf/eth0/arp_filter')).toBe('1');
    succeeded(pods.check(container, { prevResult }));
    for (const { gateway } of [V4, V6]) expect(ping(container.ns, gateway)).toBe(true);
    succeeded(pods.del(container, { prevResult }));
    expect(leftovers(node)).toEqual(before);
  });

  test('the MAC, another one is noticed all the same', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { cniVersion: '1.0.0' }));
    const prevResult = tune(node, container, { mac: '0a:00:00:00:00:77' }, succeeded(pods.add(container)));
    exec(container.ns, ['ip', 'link', 'set', 'eth0', 'address', '0a:00:00:00:00:78']);
    const error = failed(pods.check(container, { prevResult }));
    expect(error).toMatchObject({ code: 105, msg: expect.stringContaining('expected 0a:00:00:00:00:77') });
  });
});
