/** What a runtime's user may ask for: addresses and a MAC, in three places each. */

import { describe, expect, test } from 'bun:test';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { createNode } from '../support/node.ts';
import { type CallOptions, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { type Config, e2e, ipam, mustLink, network, V4, V6 } from './support/network.ts';

interface Request {
  readonly args?: string;
  readonly extra?: Config;
}

/** A request as the options of an ADD. */
function asking(config: Config, { args, extra }: Request): CallOptions {
  return { config: { ...config, ...extra }, ...(args !== undefined && { args }) };
}

const GIVEN: [string, Request, string[]][] = [
  ['CNI_ARGS IP', { args: 'IP=10.89.0.50' }, ['10.89.0.50/24', `${V6.first}/64`]],
  ['CNI_ARGS IP of IPv6', { args: 'IP=fd00:89::50' }, [`${V4.first}/24`, 'fd00:89::50/64']],
  ['args.cni.ips', { extra: { args: { cni: { ips: ['10.89.0.51'] } } } }, ['10.89.0.51/24', `${V6.first}/64`]],
  [
    'runtimeConfig.ips, with a prefix length',
    { extra: { runtimeConfig: { ips: ['10.89.0.52/24', 'fd00:89::52/64'] } } },
    ['10.89.0.52/24', 'fd00:89::52/64'],
  ],
  [
    'two places at once',
    { args: 'IgnoreUnknown=1;IP=10.89.0.53;K8S_POD_NAME=web', extra: { runtimeConfig: { ips: ['fd00:89::53'] } } },
    ['10.89.0.53/24', 'fd00:89::53/64'],
  ],
  [
    'the same address in all three places',
    {
      args: 'IP=10.89.0.54',
      extra: { args: { cni: { ips: ['10.89.0.54'] } }, runtimeConfig: { ips: ['10.89.0.54'] } },
    },
    ['10.89.0.54/24', `${V6.first}/64`],
  ],
];

const REFUSED: [string, Request, RegExp][] = [
  ['the gateway', { args: `IP=${V4.gateway}` }, /10\.89\.0\.1\b.*gateway/],
  ['the network address', { args: 'IP=10.89.0.0' }, /10\.89\.0\.0/],
  ['the broadcast address', { args: 'IP=10.89.0.255' }, /10\.89\.0\.255/],
  ['an address of no range', { extra: { runtimeConfig: { ips: ['192.0.2.1'] } } }, /192\.0\.2\.1.*no range/],
  [
    'two of one range set',
    { extra: { args: { cni: { ips: ['10.89.0.60', '10.89.0.61'] } } } },
    /10\.89\.0\.61.*10\.89\.0\.60/,
  ],
  [
    'one that is free and one that is not',
    { args: 'IP=10.89.0.70', extra: { runtimeConfig: { ips: [V6.gateway] } } },
    /gateway/,
  ],
];

e2e('a requested address', (artifact) => {
  test.each(GIVEN)('is given: %s', (_, request, expected) => {
    using node = createNode();
    const container = node.container();
    const config = network(node);
    const result = succeeded(runtime(node, artifact, config).add(container, asking(config, request)));
    expect(cidrs(container.ns, 'eth0')).toEqual(expected);
    expect(result.ips?.map(({ address }) => address)).toEqual(expected);
    expect(ping(container.ns, V4.gateway)).toBe(true);
  });

  test.each(REFUSED)('is refused: %s', (_, request, message) => {
    using node = createNode();
    const container = node.container();
    const before = leftovers(node);
    const config = network(node);
    const error = failed(runtime(node, artifact, config).add(container, asking(config, request)));
    expect(error.code).toBe(104);
    expect(error.msg).toMatch(message);
    expect(leftovers(node)).toEqual(before);
  });

  test('that somebody has is refused, and who has it is named', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [holder, container] = [node.container(), node.container()];
    succeeded(pods.add(holder, { args: 'IP=10.89.0.50' }));
    const before = leftovers(node);
    const error = failed(pods.add(container, { args: 'IP=10.89.0.50' }));
    expect(error.code).toBe(104);
    expect(error.msg).toContain('10.89.0.50');
    expect(error.msg).toContain(holder.id.slice(0, 12));
    expect(leftovers(node)).toEqual(before);
    succeeded(pods.del(holder));
    succeeded(pods.add(container, { args: 'IP=10.89.0.50' }));
    expect(cidrs(container.ns, 'eth0')).toContain('10.89.0.50/24');
  });

  test('of a pool that is not the first one of its set', () => {
    using node = createNode();
    const container = node.container();
    const pools = ipam(node, []);
    const config = network(node, { ipam: { ...pools, ranges: [[{ subnet: V4.subnet }, { subnet: '10.90.0.0/24' }]] } });
    succeeded(runtime(node, artifact, config).add(container, { args: 'IP=10.90.0.9' }));
    expect(cidrs(container.ns, 'eth0')).toEqual(['10.90.0.9/24']);
    expect(ping(container.ns, '10.90.0.1')).toBe(true);
  });
});

const MACS = { args: '0a:00:00:00:00:01', cni: '0a:00:00:00:00:02', runtime: '0a:00:00:00:00:03' };

e2e('a requested MAC', (artifact) => {
  const inArgs = { args: `MAC=${MACS.args}` };
  const inCni = { args: { cni: { mac: MACS.cni } } };
  const inRuntime = { runtimeConfig: { mac: MACS.runtime } };
  const sources: [string, Request, string][] = [
    ['CNI_ARGS MAC', inArgs, MACS.args],
    ['args.cni.mac', { extra: inCni }, MACS.cni],
    ['runtimeConfig.mac', { extra: inRuntime }, MACS.runtime],
    ['args.cni.mac goes before CNI_ARGS', { ...inArgs, extra: inCni }, MACS.cni],
    ['runtimeConfig.mac goes before both', { ...inArgs, extra: { ...inCni, ...inRuntime } }, MACS.runtime],
    ['in capital letters', { extra: { runtimeConfig: { mac: MACS.runtime.toUpperCase() } } }, MACS.runtime],
    ['empty says nothing', { ...inArgs, extra: { runtimeConfig: { mac: '' } } }, MACS.args],
  ];

  test.each(sources)('is given: %s', (_, request, mac) => {
    using node = createNode();
    const container = node.container();
    const config = network(node);
    const result = succeeded(runtime(node, artifact, config).add(container, asking(config, request)));
    expect(mustLink(container.ns, 'eth0').address).toBe(mac);
    expect(result.interfaces?.[2]?.mac).toBe(mac);
    expect(ping(container.ns, V4.gateway)).toBe(true);
  });

  describe('that no interface may have is refused', () => {
    const bad = ['01:00:5e:00:00:01', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '0a:00:00:00:00', 'nonsense'];
    test.each(bad)('%s', (mac) => {
      using node = createNode();
      const container = node.container();
      const before = leftovers(node);
      const config = network(node);
      const pods = runtime(node, artifact, config);
      const inEnvironment = failed(pods.add(container, { args: `MAC=${mac}` }));
      const inConfig = failed(pods.add(container, { config: { ...config, runtimeConfig: { mac } } }));
      expect([inEnvironment.code, inConfig.code]).toEqual([4, 7]);
      expect(inEnvironment.msg).toContain(mac);
      expect(inConfig.msg).toMatch(/runtimeConfig\.mac/);
      expect(leftovers(node)).toEqual(before);
    });
  });
});
