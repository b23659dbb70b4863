import { expect, test } from 'bun:test';
import type { Family } from '../../../src/address/ip.ts';
import { ensureForwarding, verifyForwarding } from '../../../src/resources/forwarding/forwarding.ts';
import { faultOf } from '../../support/fault.ts';
import { setSysctl, sysctl } from '../../support/kernel.ts';
import { createNetns, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { currentNetns, withRoute } from '../support/inside.ts';

const V4 = 'net/ipv4/ip_forward';
const V6 = 'net/ipv6/conf/all/forwarding';
const families = (...list: Family[]) => new Set(list);

/** A namespace that forwards nothing, whatever the machine’s new ones do. */
function createQuiet(): Netns {
  const ns = createNetns();
  for (const path of [V4, V6]) setSysctl(ns, path, 0);
  return ns;
}

describeOnKernel('forwarding', () => {
  test.each([
    [[4], '1', '0'],
    [[6], '0', '1'],
    [[4, 6], '1', '1'],
    [[], '0', '0'],
  ] as const)('is turned on for the families that are used: %j', (list, v4, v6) => {
    using ns = createQuiet();
    const machine = sysctlHere(V4);
    withRoute(ns, (route) => ensureForwarding(route, families(...list)));
    expect([sysctl(ns, V4), sysctl(ns, V6)]).toEqual([v4, v6]);
    expect(sysctlHere(V4)).toBe(machine);
  });

  test('that is on stays on', () => {
    using ns = createQuiet();
    for (let times = 0; times < 2; times++) withRoute(ns, (route) => ensureForwarding(route, families(4, 6)));
    expect([sysctl(ns, V4), sysctl(ns, V6)]).toEqual(['1', '1']);
    withRoute(ns, (route) => verifyForwarding(route, families(4, 6)));
  });

  test.each([
    [4, V4, 'net.ipv4.ip_forward'],
    [6, V6, 'net.ipv6.conf.all.forwarding'],
  ] as const)('that is off is found, family %d', (family, path, name) => {
    using ns = createQuiet();
    withRoute(ns, (route) => ensureForwarding(route, families(4, 6)));
    setSysctl(ns, path, 0);
    const fault = withRoute(ns, (route) => faultOf(() => verifyForwarding(route, families(4, 6))));
    expect([fault.kind, fault.message]).toEqual(['check', `forwarding is off: ${name} is 0, expected 1`]);
    expect(fault.details).toContain(`sysctl -w ${name}=1`);
    withRoute(ns, (route) => verifyForwarding(route, families(family === 4 ? 6 : 4)));
  });
});

/** Of the namespace that the tests run in. */
function sysctlHere(path: string): string | undefined {
  return sysctl({ path: '/proc/self/ns/net', name: currentNetns() } as Netns, path);
}
