/** What an operator may call an attachment by. */

import { describe, expect, test } from 'bun:test';
import type { Listed } from '../../../../src/cli/inventory/inventory.ts';
import { findThing } from '../../../../src/cli/inventory/thing.ts';
import { listedOf } from '../graph/values.ts';

const WEB = listedOf({
  containerId: 'abc123def456',
  pod: { namespace: 'shop', name: 'web-0' },
  hostVeth: 'veth-web',
  netns: { path: '/run/netns/web', device: 4, inode: 100 },
});
/** A second network of the same container. */
const WEB_STORAGE = listedOf({
  ...WEB,
  network: 'storage',
  ifName: 'net1',
  addresses: ['10.90.0.2/24'],
  hostVeth: 'veth-web2',
});
const API = listedOf({
  containerId: 'abc999',
  pod: { namespace: 'shop', name: 'api-0' },
  addresses: ['10.89.0.3/24', 'fd00:89::3/64'],
  hostVeth: 'veth-api',
  netns: { path: '/run/netns/api', device: 4, inode: 200 },
});
/** Without a namespace, and with the name of another pod. */
const OTHER = listedOf({
  ...{ containerId: '4242', pod: { name: 'web-0' }, addresses: ['10.89.0.4/24'], hostVeth: 'veth-other' },
  netns: { path: '/proc/77/ns/net', device: 4, inode: 300 },
});
const LEASE = listedOf({
  ...{ containerId: '(no holder)', ifName: '', addresses: ['10.89.0.9'], pod: undefined },
  ...{ hostVeth: undefined, bridge: undefined, netns: undefined },
});
const ALL = [WEB, WEB_STORAGE, API, OTHER, LEASE];

/** The files that are there: each netns at its path, and a process in that of `api`. */
const FILES: Readonly<Record<string, { device: number; inode: number }>> = {
  '/run/netns/web': { device: 4, inode: 100 },
  '/var/run/netns/web': { device: 4, inode: 100 },
  '/proc/1234/ns/net': { device: 4, inode: 200 },
  '/proc/4242/ns/net': { device: 4, inode: 200 },
  '/proc/1/ns/net': { device: 4, inode: 1 },
  '/etc/passwd': { device: 1, inode: 100 },
};

function found(thing: string, attachments: readonly Listed[] = ALL): (readonly Listed[])[] {
  const { candidates } = findThing(thing, { attachments }, (path) => FILES[path]);
  return candidates.map((one) => one.attachments);
}

describe('a thing', () => {
  test.each([
    ['a container ID', 'abc123def456', [WEB, WEB_STORAGE]],
    ['the beginning of a container ID', 'abc1', [WEB, WEB_STORAGE]],
    ['a pod with its namespace', 'shop/web-0', [WEB, WEB_STORAGE]],
    ['a pod without a namespace', 'default/web-0', [OTHER]],
    ['the name of a pod', 'api-0', [API]],
    ['an address', '10.89.0.3', [API]],
    ['an address with its length', '10.89.0.3/24', [API]],
    ['an IPv6 address in another spelling', 'FD00:0089:0:0::0003', [API]],
    ['an IPv4 address as IPv6 writes it', '::ffff:10.89.0.3', [API]],
    ['an address of one network of a container', '10.90.0.2', [WEB_STORAGE]],
    ['an address of a lease alone', '10.89.0.9', [LEASE]],
    ['a host veth', 'veth-web2', [WEB_STORAGE]],
    ['a netns path', '/run/netns/web', [WEB, WEB_STORAGE]],
    ['another path to the netns', '/var/run/netns/web', [WEB, WEB_STORAGE]],
    ['the recorded path of a netns that is gone', '/proc/77/ns/net', [OTHER]],
    ['a process', '1234', [API]],
  ] as const)('may be %s: %s', (_, thing, expected) => {
    expect(found(thing)).toEqual([[...expected]]);
  });

  test.each([
    ['nothing'],
    [''],
    ['web'],
    ['10.89.0.250'],
    ['/run/netns/other'],
    ['/etc/passwd'],
    ['1'],
    ['99999'],
    ['shop/nothing'],
    ['eth0'],
  ])('that is none: %j', (thing) => {
    expect(found(thing)).toEqual([]);
  });

  test.each([
    ['the name of two pods', 'web-0', [[WEB, WEB_STORAGE], [OTHER]]],
    ['the beginning of two container IDs', 'abc', [[WEB, WEB_STORAGE], [API]]],
    ['a container ID and a process', '4242', [[OTHER], [API]]],
  ] as const)('is ambiguous: %s', (_, thing, expected) => {
    expect(found(thing)).toEqual(expected.map((one) => [...one]));
  });

  test('is the whole ID before it is the beginning of another one', () => {
    const longer = listedOf({ containerId: 'abc123def456789', hostVeth: 'x', netns: undefined });
    expect(found('abc123def456', [...ALL, longer])).toEqual([[WEB, WEB_STORAGE]]);
  });

  test('is a pod with all its containers, of which earlier ones are dead', () => {
    const earlier = listedOf({
      ...API,
      containerId: 'fff',
      life: { state: 'dead', evidence: 'gone' },
      netns: undefined,
    });
    expect(found('shop/api-0', [API, earlier])).toEqual([[API, earlier]]);
  });

  test('by its inode alone is none: another file system may have that inode', () => {
    expect(found('/etc/passwd')).toEqual([]);
  });

  test('that is named twice is found once', () => {
    const same = listedOf({ containerId: 'web', pod: { namespace: 'shop', name: 'web' } });
    expect(found('web', [same])).toEqual([[same]]);
  });
});

test('a search tells what it looked for', () => {
  const sought = (thing: string) => findThing(thing, { attachments: [] }, () => undefined).sought;
  expect(sought('FD00::0')).toEqual(['the address fd00::']);
  expect(sought('/run/netns/x')).toEqual(['the netns /run/netns/x']);
  expect(sought('12')).toEqual(['a container ID', 'a pod 12', 'a host veth', 'the process 12']);
  expect(sought('shop/web')).toEqual(['a pod shop/web']);
});
