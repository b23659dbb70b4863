/** Masquerading, as `nft` reads it back. */

import { expect, test } from 'bun:test';
import { type Attribute, attrBytes, attrNest } from '../../../src/netlink/attribute.ts';
import { concat, cString } from '../../../src/netlink/bytes.ts';
import type { Connection, Request } from '../../../src/netlink/connection.ts';
import { commit } from '../../../src/netlink/nft/batch.ts';
import * as nft from '../../../src/netlink/nft/constants.ts';
import { addElement } from '../../../src/netlink/nft/set.ts';
import type { Masqueraded } from '../../../src/resources/masquerade/driver.ts';
import * as masquerade from '../../../src/resources/masquerade/nftables.ts';
import { addressKey, masqueradeSet } from '../../../src/resources/masquerade/nftables.ts';
import { type AttachmentKey, ownerText } from '../../../src/resources/names.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { nftElements, nftRules, nftSnapshot } from '../../support/nft.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withNft } from '../support/inside.ts';
import { cidr } from '../support/values.ts';

const SET = 'masq-pods-10.1.0.0/24';
const SET6 = 'masq-pods-fd00_1__/64';

function entry(address: string, changes: Partial<AttachmentKey> = {}): Masqueraded {
  const key = { network: 'pods', containerId: 'abc', ifName: 'eth0', ...changes };
  return { network: key.network, address: cidr(address), owner: ownerText(key) };
}

function ensure(ns: Netns, ...entries: readonly Masqueraded[]): void {
  withNft(ns, (connection) => {
    for (const one of entries) masquerade.ensureMasquerade(connection, one);
  });
}

const list = (ns: Netns) => exec(ns, ['nft', 'list', 'ruleset']);
const held = (ns: Netns, set?: string) => nftElements(ns, set).map(({ value, comment }) => `${value} ${comment}`);
const A = entry('10.1.0.2/24');
const A6 = entry('fd00:1::2/64');

describeOnKernel('the first address', () => {
  test('makes table, chain, set and rule, and its element says whose it is', () => {
    using ns = createNetns();
    ensure(ns, A);
    expect(list(ns).replace(/\s+/g, ' ')).toBe(
      `table inet trestle { set ${SET} { type ipv4_addr elements = { 10.1.0.2 comment "pods/abc/eth0" } } ` +
        'chain postrouting { type nat hook postrouting priority srcnat; policy accept; ' +
        `ip saddr @${SET} jump ${SET} comment "${SET}" } chain ${SET} { ` +
        `ip daddr != 10.1.0.0/24 ip daddr != 224.0.0.0/4 masquerade comment "${SET}" } } `,
    );
  });

  test('of IPv6 likewise', () => {
    using ns = createNetns();
    ensure(ns, A6);
    const text = list(ns).replace(/\s+/g, ' ');
    expect(text).toContain(`set ${SET6} { type ipv6_addr elements = { fd00:1::2 comment "pods/abc/eth0" } }`);
    expect(text).toContain(`ip6 saddr @${SET6} jump ${SET6} comment "${SET6}"`);
    expect(text).toContain(`ip6 daddr != fd00:1::/64 ip6 daddr != ff00::/8 masquerade comment "${SET6}"`);
  });

  test.each(['10.1.2.3/12', '10.1.0.3/31', '10.1.0.3/32', 'fd00:1::2/63', 'fd00:1::2/128', '0.0.0.1/0'])(
    'of a subnet that ends within a byte, or anywhere: %s',
    (address) => {
      using ns = createNetns();
      ensure(ns, entry(address));
      expect(nftRules(ns, 'trestle')).toHaveLength(2);
    },
  );

  test('leaves a ruleset that nft can load again', () => {
    using ns = createNetns();
    using other = createNetns();
    ensure(ns, A, A6, entry('10.1.0.3/24', { network: 'a.b-c_d' }));
    exec(other, ['nft', '-f', '-'], { stdin: list(ns) });
    expect(nftSnapshot(other)).toEqual(nftSnapshot(ns));
  });

  test.each([
    ...[0, 1, 4, 7, 8, 9, 12, 16, 20, 23, 24, 25, 30, 31, 32].map((bits) => `10.1.2.3/${bits}`),
    ...[0, 3, 8, 12, 32, 48, 56, 60, 63, 64, 65, 96, 120, 126, 127, 128].map((bits) => `fd00:1:2:3:4:5:6:7/${bits}`),
  ])('of %s passes a check after nft has loaded its own listing', (address) => {
    using ns = createNetns();
    const one = entry(address);
    ensure(ns, one);
    const ruleset = list(ns);
    exec(ns, ['nft', '-f', '-'], { stdin: `flush ruleset\n${ruleset}` });
    withNft(ns, (connection) => masquerade.verifyMasquerade(connection, one));
    expect(list(ns)).toBe(ruleset);
  });

  test('comes back after everything was flushed', () => {
    using ns = createNetns();
    ensure(ns, A);
    const before = nftSnapshot(ns);
    exec(ns, ['nft', 'flush', 'ruleset']);
    ensure(ns, A);
    expect(nftSnapshot(ns)).toEqual(before);
  });
});

describeOnKernel('further addresses', () => {
  test('add an element each, and no rule', () => {
    using ns = createNetns();
    ensure(ns, A, entry('10.1.0.3/24', { containerId: 'def' }), A6);
    expect(nftRules(ns, 'trestle')).toHaveLength(4);
    expect(held(ns, SET)).toEqual(['10.1.0.2 pods/abc/eth0', '10.1.0.3 pods/def/eth0']);
    expect(held(ns, SET6)).toEqual(['fd00:1::2 pods/abc/eth0']);
  });

  test('of another network, or another subnet, have sets of their own', () => {
    using ns = createNetns();
    ensure(ns, A, entry('10.1.0.2/24', { network: 'pods-2' }), entry('10.2.0.2/24'));
    expect(nftElements(ns).map(({ set, value }) => [set, value])).toEqual([
      [SET, '10.1.0.2'],
      ['masq-pods-2-10.1.0.0/24', '10.1.0.2'],
      ['masq-pods-10.2.0.0/24', '10.2.0.2'],
    ]);
  });

  test('of the same attachment again change nothing', () => {
    using ns = createNetns();
    ensure(ns, A);
    const before = nftSnapshot(ns);
    ensure(ns, A);
    expect(nftSnapshot(ns)).toEqual(before);
  });

  test('replace what another attachment left behind', () => {
    using ns = createNetns();
    ensure(ns, entry('10.1.0.2/24', { containerId: 'dead' }));
    ensure(ns, A);
    expect(held(ns)).toEqual(['10.1.0.2 pods/abc/eth0']);
    expect(nftRules(ns, 'trestle')).toHaveLength(2);
  });
});

describeOnKernel('removing', () => {
  const remove = (ns: Netns, one: Masqueraded) =>
    withNft(ns, (connection) => masquerade.removeMasquerade(connection, one));

  test('takes the element, once', () => {
    using ns = createNetns();
    ensure(ns, A, A6);
    expect([remove(ns, A), remove(ns, A)]).toEqual([true, false]);
    expect(held(ns)).toEqual(['fd00:1::2 pods/abc/eth0']);
  });

  test('leaves what is somebody else’s, or nobody’s', () => {
    using ns = createNetns();
    ensure(ns, entry('10.1.0.2/24', { containerId: 'other' }));
    exec(ns, ['nft', `add element inet trestle ${SET} { 10.1.0.3 }`]);
    expect([remove(ns, A), remove(ns, entry('10.1.0.3/24'))]).toEqual([false, false]);
    expect(held(ns)).toEqual(['10.1.0.2 pods/other/eth0', '10.1.0.3 undefined']);
  });

  test('does not mind that there is no set, no table, nothing', () => {
    using ns = createNetns();
    expect(remove(ns, A)).toBe(false);
    ensure(ns, entry('10.2.0.2/24'));
    expect(remove(ns, A)).toBe(false);
  });
});

describeOnKernel('the last address', () => {
  const [B, OTHER] = [entry('10.1.0.3/24', { containerId: 'b' }), entry('10.2.0.2/24', { network: 'other' })];
  const remove = (ns: Netns, ...entries: Masqueraded[]) =>
    withNft(ns, (connection) => entries.map((one) => masquerade.removeMasquerade(connection, one)));
  const restore = (ns: Netns, ...entries: Masqueraded[]) =>
    withNft(ns, (connection) => masquerade.restoreMasquerade(connection, entries));
  const named = (ns: Netns) => nftSnapshot(ns).map(({ kind, name }) => `${kind} ${name}`);

  test.each([
    ['IPv4', [A]],
    ['IPv6', [A6]],
    ['both, and two networks', [A, B, A6, OTHER]],
  ])('of all takes everything with it: %s', (_, entries) => {
    using ns = createNetns();
    restore(ns, ...entries);
    expect(remove(ns, ...entries)).toEqual(entries.map(() => true));
    expect(nftSnapshot(ns)).toEqual([]);
  });

  test('of a network takes what is the network’s', () => {
    using ns = createNetns();
    restore(ns, OTHER);
    const before = nftSnapshot(ns);
    restore(ns, A, B);
    remove(ns, A);
    expect(named(ns)).toContain(`set ${SET}`);
    remove(ns, B);
    expect(nftSnapshot(ns)).toEqual(before);
  });

  test('of 15 networks leaves nothing, of either family, also where nobody restored the anchor', () => {
    using ns = createNetns();
    const entries = Array.from({ length: 15 }, (_, at) => at).flatMap((at) => [
      entry(`10.${at}.0.2/24`, { network: `net-${at}` }),
      entry(`fd00:${at}::2/64`, { network: `net-${at}` }),
    ]);
    ensure(ns, ...entries);
    remove(ns, ...entries);
    expect(nftSnapshot(ns)).toEqual([]);
  });

  test('leaves what an administrator has in our table', () => {
    using ns = createNetns();
    restore(ns, A);
    exec(ns, ['nft', '-f', '-'], {
      stdin: 'table inet trestle {\nchain own {\naccept\n}\nchain postrouting {\nip saddr 192.0.2.1 accept\n}\n}\n',
    });
    remove(ns, A);
    expect(named(ns)).toEqual(['table trestle', 'chain postrouting', 'chain own', 'rule postrouting', 'rule own']);
  });

  test('leaves the whole where somebody else’s rule leads there', () => {
    using ns = createNetns();
    restore(ns, A);
    exec(ns, ['nft', `add chain inet trestle own`]);
    exec(ns, ['nft', `add rule inet trestle own jump ${SET}`]);
    remove(ns, A);
    expect(named(ns)).toContain(`chain ${SET}`);
    restore(ns, A);
    withNft(ns, (connection) => masquerade.verifyMasquerade(connection, A));
  });

  test('leaves a set with an element of somebody else’s', () => {
    using ns = createNetns();
    restore(ns, A);
    exec(ns, ['nft', `add element inet trestle ${SET} { 10.1.0.77 comment "by hand" }`]);
    remove(ns, A);
    expect(held(ns)).toEqual(['10.1.0.77 by hand']);
    expect(nftRules(ns)).toHaveLength(2);
  });

  test('takes what is left of it after a part was flushed', () => {
    using ns = createNetns();
    restore(ns, A, OTHER);
    exec(ns, ['nft', 'flush', 'chain', 'inet', 'trestle', 'postrouting']);
    remove(ns, A, OTHER);
    expect(nftSnapshot(ns)).toEqual([]);
  });
});

describeOnKernel('names as long as they may be', () => {
  const long = { network: 'n'.repeat(200), containerId: 'c'.repeat(200), ifName: 'ü'.repeat(7) };

  test.each(['10.1.0.2/24', '2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/127'])(
    'can be loaded again by nft: %s',
    (address) => {
      using ns = createNetns();
      using other = createNetns();
      const keys = [long, { ...long, ifName: 'e"th0' }, { ...long, dataDir: '/run/cni' }, { ifName: 'e"th0' }];
      for (const key of keys) {
        const one = entry(address, key);
        withNft(ns, (connection) => masquerade.restoreMasquerade(connection, [one]));
        exec(other, ['nft', '-f', '-'], { stdin: `flush ruleset\n${list(ns)}` });
        expect(nftSnapshot(other)).toEqual(nftSnapshot(ns));
      }
    },
  );

  test('of 0.1.0, which nft does not read back, are the attachment’s all the same', () => {
    using ns = createNetns();
    const key = { ...long, containerId: 'c'.repeat(20), ifName: 'eth0', dataDir: '/run/cni' };
    const one = entry('10.1.0.2/24', key);
    ensure(ns, one);
    exec(ns, ['nft', 'flush', 'set', 'inet', 'trestle', `masq-${long.network}-10.1.0.0/24`]);
    withNft(ns, (connection) => {
      const former = `${key.network}/${key.containerId}/${key.ifName}`;
      commit(connection, [
        longComment(addElement(masqueradeSet(key.network, one.address), addressKey(one.address.ip), ''), former),
      ]);
      masquerade.verifyMasquerade(connection, one);
      const found = masquerade.ownedElements(connection, { network: key.network, dataDir: '/var/lib/cni/networks' });
      expect(found.map(({ owner }) => owner)).toEqual([ownerText({ ...key, dataDir: undefined })]);
      expect(masquerade.ownedElements(connection, { network: key.network, dataDir: '/run/cni' })).toEqual([]);
      expect(masquerade.removeMasquerade(connection, one)).toBe(true);
    });
    expect(nftSnapshot(ns)).toEqual([]);
  });

  test.each(['10.1.0.2/24', '2001:db8:ffff:ffff:ffff:ffff:ffff:fffe/127'])('%s', (address) => {
    using ns = createNetns();
    const one = entry(address, long);
    ensure(ns, one);
    withNft(ns, (connection) => {
      masquerade.verifyMasquerade(connection, one);
      expect(masquerade.removeMasquerade(connection, one)).toBe(true);
    });
    expect(nftSnapshot(ns)).toEqual([]);
  });
});

describeOnKernel('checking', () => {
  const verify = (connection: Connection) => masquerade.verifyMasquerade(connection, A);
  const fault = (ns: Netns) => withNft(ns, (connection) => faultOf(() => verify(connection)));
  const expected = `10.1.0.2 is not masqueraded: expected in the nftables set ${SET} for pods/abc/eth0`;

  test('finds all in order', () => {
    using ns = createNetns();
    ensure(ns, A, A6);
    withNft(ns, verify);
    withNft(ns, (connection) => masquerade.verifyMasquerade(connection, A6));
  });

  test.each([
    ['the element', ['delete', 'element', 'inet', 'trestle', SET, '{ 10.1.0.2 }'], `${expected}, it is not there`],
    ['everything', ['flush', 'ruleset'], `${expected}, it is not there`],
    [
      'the rule',
      ['flush', 'chain', 'inet', 'trestle', 'postrouting'],
      `10.1.0.2 is not masqueraded: no rule of the nftables chain postrouting leads to the chain ${SET}`,
    ],
  ])('notices that %s is gone', (_, command, message) => {
    using ns = createNetns();
    ensure(ns, A);
    exec(ns, ['nft', ...command]);
    expect([fault(ns).kind as string, fault(ns).message]).toEqual(['check', message]);
  });

  test('notices a rule that was changed, and the next one that restores puts it right', () => {
    using ns = createNetns();
    withNft(ns, (connection) => masquerade.restoreMasquerade(connection, [A]));
    const whole = nftSnapshot(ns);
    const [handle] =
      /(?<=masquerade comment "\S+" # handle )\d+/.exec(exec(ns, ['nft', '-a', 'list', 'ruleset'])) ?? [];
    exec(ns, [
      'nft',
      `replace rule inet trestle ${SET} handle ${handle} ip daddr != 10.0.0.0/8 masquerade comment "${SET}"`,
    ]);
    expect(fault(ns).message).toBe(`10.1.0.2 is not masqueraded: the rules of the nftables chain ${SET} were changed`);
    withNft(ns, (connection) => masquerade.restoreMasquerade(connection, [A]));
    expect(nftSnapshot(ns)).toEqual(whole);
  });

  test('notices a way that was changed, and a rule too much', () => {
    using ns = createNetns();
    withNft(ns, (connection) => masquerade.restoreMasquerade(connection, [A]));
    const whole = nftSnapshot(ns);
    exec(ns, ['nft', 'flush', 'chain', 'inet', 'trestle', 'postrouting']);
    exec(ns, ['nft', `add rule inet trestle postrouting ip saddr 10.1.0.2 jump ${SET} comment "${SET}"`]);
    expect(fault(ns).message).toContain(`the rule of the nftables chain postrouting for the chain ${SET} was changed`);
    exec(ns, ['nft', `insert rule inet trestle ${SET} return`]);
    withNft(ns, (connection) => masquerade.restoreMasquerade(connection, [A]));
    expect(nftSnapshot(ns)).toEqual(whole);
  });

  test('notices that the element is somebody else’s', () => {
    using ns = createNetns();
    ensure(ns, entry('10.1.0.2/24', { containerId: 'other' }));
    expect(fault(ns).message).toBe(`${expected}, it is there for pods/other/eth0`);
  });
});

describeOnKernel('asking whether the kernel can masquerade', () => {
  test('changes nothing', () => {
    using ns = createNetns();
    expect(withNft(ns, masquerade.canMasquerade)).toBe(true);
    expect(nftSnapshot(ns)).toEqual([]);
    ensure(ns, A);
    const before = nftSnapshot(ns);
    expect(withNft(ns, masquerade.canMasquerade)).toBe(true);
    expect(nftSnapshot(ns)).toEqual(before);
  });
});

/** With a comment that 0.1.0 wrote and that is refused today. */
function longComment(request: Request, comment: string): Request {
  const text = cString(comment);
  const data = concat([Uint8Array.of(nft.NFTNL_UDATA_SET_ELEM_COMMENT, text.length), text]);
  const replaced = (attribute: Attribute): Attribute => {
    if (attribute.type === nft.NFTA_SET_ELEM_USERDATA && attribute.value instanceof Uint8Array)
      return attrBytes(nft.NFTA_SET_ELEM_USERDATA, data);
    return Array.isArray(attribute.value) ? attrNest(attribute.type, ...attribute.value.map(replaced)) : attribute;
  };
  return { ...request, attributes: request.attributes.map(replaced) };
}
