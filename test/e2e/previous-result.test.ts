/** ADD of a plugin that is not the first in its list: it gets the previous plugin's result, and hands it through. */

import { expect, test } from 'bun:test';
import { ipamArtifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, ipam, network, V4 } from './support/network.ts';
import { onQuietNode } from './support/refusal.ts';

const ROUTE = { dst: '198.51.100.0/24', gw: '192.0.2.1' };

/** What a plugin before ours says that it made. It has made nothing, so no test may compare that with the kernel. */
function previous(netns: string, cniVersion: string): object {
  const family = ['0.3.0', '0.3.1', '0.4.0'].includes(cniVersion) ? { version: '4' } : {};
  return {
    cniVersion,
    interfaces: [{ name: 'up9' }, { name: 'eth9', mac: '02:00:00:00:00:09', sandbox: netns }],
    ips: [{ ...family, address: '192.0.2.2/24', gateway: '192.0.2.1', interface: 1 }],
    dns: { nameservers: ['192.0.2.53'] },
  };
}

const plain = (node: ScratchNode, cniVersion: string) =>
  network(node, { cniVersion, ipam: ipam(node, [V4.subnet]), dns: { search: ['pods.example'] } });

e2e('an ADD with prevResult', (artifact) => {
  test.each(['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'])('appends its result, in %s', (cniVersion) => {
    using node = createNode();
    const config = plain(node, cniVersion);
    const pods = runtime(node, artifact, config);
    const container = node.container();
    const before = leftovers(node);
    const prevResult = { ...previous(container.netnsPath, cniVersion), routes: [ROUTE] };
    const result = succeeded(pods.add(container, { config: { ...config, prevResult } }));
    expect(result.cniVersion).toBe(cniVersion);
    expect(result.interfaces?.map(({ name }) => name.replace(/^veth.+/, 'veth'))).toEqual([
      'up9',
      'eth9',
      'cni0',
      'veth',
      'eth0',
    ]);
    expect(result.ips?.map(({ address, interface: place }) => [address, place])).toEqual([
      ['192.0.2.2/24', 1],
      [`${V4.first}/24`, 4],
    ]);
    expect(result.routes).toEqual([ROUTE, { dst: '0.0.0.0/0', gw: V4.gateway }]);
    expect(result.dns).toEqual({ nameservers: ['192.0.2.53'], search: ['pods.example'] });
    expect(cidrs(container.ns, 'eth0')).toEqual([`${V4.first}/24`]);
    succeeded(pods.del(container));
    expect(leftovers(node)).toEqual(before);
  });

  test('gives a result that CHECK holds to our own interface', () => {
    using node = createNode();
    const config = plain(node, '1.1.0');
    const pods = runtime(node, artifact, config);
    const container = node.container();
    const prevResult = previous(container.netnsPath, '1.1.0');
    succeeded(pods.add(container, { config: { ...config, prevResult } }));
    succeeded(pods.check(container));
  });

  test.each(['0.1.0', '0.2.0'])('ignores it in %s, which knows no lists', (cniVersion) => {
    using node = createNode();
    const config = plain(node, cniVersion);
    const container = node.container();
    const prevResult = { cniVersion, ip4: { ip: '192.0.2.2/24' } };
    const result = succeeded(runtime(node, artifact, config).add(container, { config: { ...config, prevResult } }));
    expect(result.ip4?.ip).toBe(`${V4.first}/24`);
  });
});

e2e('a prevResult that cannot be used', (artifact) => {
  const { config, refuse } = onQuietNode(artifact);

  test.each([
    ['of an unknown version', { cniVersion: '9.9.9' }, 1],
    ['that is no object', 'rubbish', 6],
    ['with a list that is none', { cniVersion: '1.1.0', ips: {} }, 6],
    ['with an address of no interface', { cniVersion: '1.1.0', ips: [{ address: '192.0.2.2/24', interface: 0 }] }, 6],
  ])('%s: ADD fails and changes nothing', (_, prevResult, code) => {
    const error = refuse({ config: config({ prevResult }) });
    expect(error.code).toBe(code);
    expect(error.msg).toStartWith('cannot use prevResult: ');
  });
});

describeOnKernel('the IPAM plugin', () => {
  test('gives its own addresses alone, and CHECK compares those of its interface', () => {
    using node = createNode();
    const config = plain(node, '1.1.0');
    const pods = runtime(node, ipamArtifact, config);
    const container = node.container();
    const prevResult = previous(container.netnsPath, '1.1.0');
    const result = succeeded(pods.add(container, { config: { ...config, prevResult } }));
    expect(result.ips?.map(({ address }) => address)).toEqual([`${V4.first}/24`]);
    const ofTheList = {
      cniVersion: '1.1.0',
      interfaces: [
        { name: 'eth9', sandbox: container.netnsPath },
        { name: 'eth0', sandbox: container.netnsPath },
      ],
      ips: [
        { address: '192.0.2.2/24', interface: 0 },
        { address: `${V4.first}/24`, interface: 1 },
      ],
    };
    succeeded(pods.check(container, { prevResult: ofTheList }));
    const wrong = { ...ofTheList, ips: [{ address: `${V4.second}/24`, interface: 1 }] };
    expect(failed(pods.check(container, { prevResult: wrong })).code).toBe(105);
  });
});
