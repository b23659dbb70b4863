/** A single element of a living attachment that somebody removed: noticed by the ruleset's generation, and put back. */

import { expect, test } from 'bun:test';
import { ensureGuard, missingGuards, restoreGuard } from '../../../src/resources/guard/nftables.ts';
import {
  ensureMasquerade,
  masqueradeSet,
  removeMasquerade,
  restoreMasquerade,
} from '../../../src/resources/masquerade/nftables.ts';
import { ownerText } from '../../../src/resources/names.ts';
import { missingOwners } from '../../../src/resources/nftables/elements.ts';
import { generationToRemember, isChangedByOthers } from '../../../src/resources/nftables/generation.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { nftElements } from '../../support/nft.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withNft } from '../support/inside.ts';
import { cidr, mac } from '../support/values.ts';

const SET = 'masq-pods-10.1.0.0/24';
const entry = (last: number, containerId: string, network = 'pods') => ({
  network,
  address: cidr(`10.1.0.${last}/24`),
  owner: ownerText({ network, containerId, ifName: 'eth0' }),
});
const [A, B, C, D] = [entry(2, 'a'), entry(3, 'b'), entry(4, 'c'), entry(5, 'd')] as const;
type Entry = typeof A;

/** A node of which the calls remember what they leave behind. */
function nodeWith(ns: Netns, ...living: Entry[]) {
  const records = [...living];
  let remembered: number | undefined;
  /** A change was noticed, and nothing has been compared since. */
  let isPending = false;
  return {
    /** @returns whether it compared */
    add: (one: Entry) =>
      withNft(ns, (connection) => {
        const wasWhole = ensureMasquerade(connection, one, () => records);
        const isCompared = wasWhole && (isPending || isChangedByOthers(connection, remembered));
        isPending = false;
        if (isCompared) {
          const owners = records.map(({ owner }) => owner);
          const lost = missingOwners(connection, masqueradeSet(one.network, one.address), owners);
          restoreMasquerade(
            connection,
            records.filter(({ owner }) => lost.includes(owner)),
          );
        }
        records.push(one);
        remembered = generationToRemember(connection);
        return isCompared;
      }),
    del: (one: Entry) =>
      withNft(ns, (connection) => {
        removeMasquerade(connection, one);
        records.splice(records.indexOf(one), 1);
        isPending ||= isChangedByOthers(connection, remembered);
        remembered = generationToRemember(connection);
      }),
  };
}

const held = (ns: Netns) => nftElements(ns, SET).map(({ value }) => value);
const lose = (ns: Netns, address: string) => exec(ns, ['nft', `delete element inet trestle ${SET} { ${address} }`]);

describeOnKernel('an element that was removed by hand', () => {
  test('is put back by the next ADD, which alone compares', () => {
    using ns = createNetns();
    const node = nodeWith(ns);
    expect([node.add(A), node.add(B)]).toEqual([false, false]);
    lose(ns, '10.1.0.2');
    expect([node.add(C), node.add(D)]).toEqual([true, false]);
    expect(held(ns)).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5']);
  });

  test('is put back after a DEL that came in between, too', () => {
    using ns = createNetns();
    const node = nodeWith(ns);
    for (const one of [A, B, C]) node.add(one);
    lose(ns, '10.1.0.2');
    node.del(B);
    expect(node.add(D)).toBe(true);
    expect(held(ns)).toEqual(['10.1.0.2', '10.1.0.4', '10.1.0.5']);
  });

  test('is put back where the next DEL took the last element, and with it the set', () => {
    using ns = createNetns();
    const node = nodeWith(ns);
    node.add(A);
    node.add(B);
    lose(ns, '10.1.0.2');
    node.del(B);
    expect(held(ns)).toEqual([]);
    node.add(C);
    expect(held(ns)).toEqual(['10.1.0.2', '10.1.0.4']);
  });

  test('is looked for after any change of anybody’s, and not after our own', () => {
    using ns = createNetns();
    const node = nodeWith(ns);
    node.add(A);
    node.add(B);
    node.del(B);
    expect(node.add(B)).toBe(false);
    exec(ns, ['nft', 'add table ip somebody']);
    expect([node.add(C), node.add(D)]).toEqual([true, false]);
    node.del(D);
    node.del(C);
    node.del(B);
    node.del(A);
    expect([node.add(A), node.add(B)]).toEqual([false, false]);
  });

  test('with the first ones that 0.1.0 made is looked for once', () => {
    using ns = createNetns();
    withNft(ns, (connection) => restoreMasquerade(connection, [A, B]));
    lose(ns, '10.1.0.3');
    const node = nodeWith(ns, A, B);
    expect([node.add(C), node.add(D)]).toEqual([true, false]);
    expect(held(ns)).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5']);
  });
});

describeOnKernel('a port that lost its guard by hand', () => {
  const guarded = ['a', 'b'].map((id, at) => ({
    ...{ network: 'pods', port: `veth${id}`, mac: mac(`0a:00:00:00:00:0${at + 1}`) },
    owner: ownerText({ network: 'pods', containerId: id, ifName: 'eth0' }),
  }));
  const owners = guarded.map(({ owner }) => owner);

  test.each(['ports { "vetha" }', 'macs { "vetha" . 0a:00:00:00:00:01 }'])('%s', (element) => {
    using ns = createNetns();
    withNft(ns, (connection) => {
      for (const one of guarded) ensureGuard(connection, one, () => guarded);
      expect(missingGuards(connection, owners)).toEqual([]);
    });
    exec(ns, ['nft', `delete element bridge trestle ${element}`]);
    withNft(ns, (connection) => {
      expect(missingGuards(connection, owners)).toEqual([owners[0] as string]);
      restoreGuard(connection, 'pods', guarded.slice(0, 1));
      expect(missingGuards(connection, owners)).toEqual([]);
    });
  });
});
