/** What a container's interface gets. */

import { expect, test } from 'bun:test';
import type { AddressingWanted } from '../../../src/resources/addressing/addressing.ts';
import type { Route } from '../../../src/schema/net.ts';
import { faultOf } from '../../support/fault.ts';
import { addresses, cidrs, link, routes, setSysctl, sysctl } from '../../support/kernel.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withKernels } from '../support/inside.ts';
import { ensureAttachment, V4, V6 } from '../support/port.ts';
import { cidr, ip } from '../support/values.ts';

const DEFAULTS: Route[] = [{ dst: cidr('0.0.0.0/0') }, { dst: cidr('::/0') }];

/** A container whose interface was configured so. `prepare` may change the container beforehand. */
function configured(
  changes: Partial<AddressingWanted>,
  prepare: (container: Netns) => void = () => {},
): Netns & { node: Netns } {
  const [node, container] = [createNetns(), createNetns()];
  const remove = () => {
    for (const ns of [container, node]) ns.delete();
  };
  try {
    prepare(container);
    withKernels(node, container, (kernels) => ensureAttachment(kernels, { routes: [], ...changes }));
    return { ...container, node, delete: remove, [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

const conf = (ns: Netns, name: string) => sysctl(ns, `net/${name.replace('IF', 'eth0')}`);
const allRoutes = (ns: Netns, family: 4 | 6, table: string) =>
  JSON.parse(exec(ns, ['ip', '-j', `-${family}`, 'route', 'show', 'table', table])) as Record<string, unknown>[];

describeOnKernel('an interface', () => {
  test('is up, as loopback is, and has its addresses at once', () => {
    using container = configured({});
    // The kernel says operstate up to a second later.
    expect(link(container, 'eth0')?.flags).toEqual(expect.arrayContaining(['UP', 'LOWER_UP']));
    expect(link(container, 'lo')?.flags).toContain('UP');
    expect(addresses(container, 'eth0').map(({ cidr: text, scope, broadcast }) => [text, scope, broadcast])).toEqual([
      ['10.1.0.2/24', 'global', '10.1.0.255'],
      ['fd00:1::2/64', 'global', undefined],
    ]);
    expect(cidrs(container, 'lo')).toEqual(['127.0.0.1/8', '::1/128']);
  });

  test('waits for no duplicate address detection', () => {
    using container = configured({});
    const [, v6] = addresses(container, 'eth0');
    expect(v6?.flags).toContain('nodad');
    expect(v6?.flags).not.toContain('tentative');
  });

  test('detects duplicates where that is asked for, and waits until it is done', () => {
    using container = configured({ detectDuplicates: true });
    const [, v6] = addresses(container, 'eth0');
    expect(v6?.flags).not.toContain('nodad');
    expect(v6?.flags).not.toContain('tentative');
  });

  test('may have one family, or no address at all', () => {
    using v4 = configured({ addresses: [V4] });
    using v6 = configured({ addresses: [V6] });
    using none = configured({ addresses: [] });
    expect([v4, v6, none].map((container) => cidrs(container, 'eth0'))).toEqual([
      ['10.1.0.2/24'],
      ['fd00:1::2/64'],
      [],
    ]);
    expect(link(none, 'eth0')?.operstate).toBe('UP');
  });

  test('may have several addresses of a family', () => {
    using container = configured({ addresses: [V4, { address: cidr('10.2.0.2/16'), gateway: undefined }, V6] });
    expect(cidrs(container, 'eth0')).toEqual(['10.1.0.2/24', '10.2.0.2/16', 'fd00:1::2/64']);
  });
});

describeOnKernel('before it is up', () => {
  test('router advertisements are off, and addresses will be announced', () => {
    using container = configured({}, (ns) => setSysctl(ns, 'net/ipv6/conf/default/accept_ra', 2));
    expect([conf(container, 'ipv6/conf/IF/accept_ra'), conf(container, 'ipv4/conf/IF/arp_notify')]).toEqual(['0', '1']);
    expect([conf(container, 'ipv6/conf/IF/ndisc_notify'), conf(container, 'ipv6/conf/IF/accept_dad')]).toEqual([
      '1',
      '0',
    ]);
  });

  test('keeps its addresses of both families when it is set down and up again', () => {
    using container = configured({});
    for (const state of ['down', 'up']) exec(container, ['ip', 'link', 'set', 'eth0', state]);
    expect(cidrs(container, 'eth0')).toEqual(['10.1.0.2/24', 'fd00:1::2/64']);
  });

  test('they are off for a container without IPv6 addresses too', () => {
    using container = configured({ addresses: [V4] });
    expect(conf(container, 'ipv6/conf/IF/accept_ra')).toBe('0');
  });

  test('IPv6 is turned on where it is needed', () => {
    using container = configured({}, (ns) => setSysctl(ns, 'net/ipv6/conf/all/disable_ipv6', 1));
    expect([conf(container, 'ipv6/conf/IF/disable_ipv6'), conf(container, 'ipv6/conf/lo/disable_ipv6')]).toEqual([
      '0',
      '0',
    ]);
    expect(cidrs(container, 'eth0')).toEqual(['10.1.0.2/24', 'fd00:1::2/64']);
  });

  test('IPv6 is left off where nobody asks for it', () => {
    using container = configured({ addresses: [V4] }, (ns) => setSysctl(ns, 'net/ipv6/conf/default/disable_ipv6', 1));
    expect(conf(container, 'ipv6/conf/IF/disable_ipv6')).toBe('1');
  });

  test('nothing of that is done to the node', () => {
    using container = configured({ addresses: [V4] });
    expect(sysctl(container.node, 'net/ipv6/conf/default/accept_ra')).toBe(
      conf(container, 'ipv6/conf/default/accept_ra'),
    );
    expect(link(container.node, 'lo')?.flags).not.toContain('UP');
  });
});

describeOnKernel('routes', () => {
  test('lead through the gateway of their family', () => {
    using container = configured({ routes: DEFAULTS });
    expect(routes(container, 4)).toContainEqual(
      expect.objectContaining({ dst: 'default', gateway: '10.1.0.1', dev: 'eth0' }),
    );
    expect(routes(container, 6)).toContainEqual(
      expect.objectContaining({ dst: 'default', gateway: 'fd00:1::1', dev: 'eth0' }),
    );
  });

  test('lead through their own, or to neighbours where there is none', () => {
    const own = [{ dst: cidr('10.9.0.0/16'), gw: ip('10.1.0.9') }];
    using container = configured({ routes: own });
    using bare = configured({ addresses: [{ ...V4, gateway: undefined }], routes: [{ dst: cidr('10.8.0.0/16') }] });
    expect(routes(container, 4)).toContainEqual(expect.objectContaining({ dst: '10.9.0.0/16', gateway: '10.1.0.9' }));
    const [neighbours] = routes(bare, 4).filter(({ dst }) => dst === '10.8.0.0/16');
    expect([neighbours?.gateway, neighbours?.scope]).toEqual([undefined, 'link']);
  });

  test.each([
    [4, '10.9.0.0/16', '10.1.0.1'],
    [6, 'fd09::/48', 'fd00:1::1'],
  ] as const)('have MTU, MSS, metric and table: IPv%d', (family, dst, gateway) => {
    const route = { dst: cidr(dst), mtu: 1300, advmss: 1260, priority: 77, table: 1000 };
    using container = configured({ routes: [route, { dst: cidr(dst), table: 100 }] });
    expect(allRoutes(container, family, '1000')).toEqual([
      expect.objectContaining({ dst, gateway, metric: 77, metrics: [{ mtu: 1300, advmss: 1260 }] }),
    ]);
    expect(allRoutes(container, family, '100')).toHaveLength(1);
    expect(routes(container, family).filter((found) => found.dst === dst)).toEqual([]);
  });

  test('have the scope that is asked for', () => {
    const addressing = {
      addresses: [{ ...V4, gateway: undefined }],
      routes: [{ dst: cidr('10.9.0.0/16'), scope: 254 }],
    };
    using container = configured(addressing);
    expect(routes(container, 4)).toContainEqual(expect.objectContaining({ dst: '10.9.0.0/16', scope: 'host' }));
  });

  test('to a host of a network lead to the network', () => {
    using container = configured({ routes: [{ dst: cidr('10.9.3.4/16') }] });
    expect(routes(container, 4).map(({ dst }) => dst)).toContain('10.9.0.0/16');
  });

  test.each([
    ['10.9.0.0/16', '192.0.2.1'],
    ['::/0', '2001:db8::1'],
  ])('to %s through %s, which is no neighbour, are the configuration’s fault', (dst, gw) => {
    const fault = faultOf(() => configured({ routes: [{ dst: cidr(dst), gw: ip(gw) }] }));
    expect(fault.kind).toBe('config');
    expect(fault.message).toStartWith(`cannot add the route ${dst} via ${gw}: `);
    expect(fault.details).toContain('10.1.0.2/24, fd00:1::2/64');
  });

  test('that are there twice are given once', () => {
    const twice = [{ dst: cidr('10.9.0.0/16') }, { dst: cidr('10.9.0.0/16'), gw: ip('10.1.0.1') }];
    using container = configured({ routes: twice });
    expect(routes(container, 4).filter(({ dst }) => dst === '10.9.0.0/16')).toHaveLength(1);
  });
});
