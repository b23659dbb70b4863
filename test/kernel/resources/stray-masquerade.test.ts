/** Masquerading through iptables, function by function: what each leaves, and what is found without a record. */

import { describe, expect, test } from 'bun:test';
import { silentLog } from '../../../src/log.ts';
import { restore, savedRules } from '../../../src/resources/iptables/iptables.ts';
import type { Masqueraded } from '../../../src/resources/masquerade/driver.ts';
import {
  addIptablesMasquerade,
  removeIptablesMasquerade,
  restoreIptablesMasquerade,
} from '../../../src/resources/masquerade/iptables.ts';
import { findStrays } from '../../../src/resources/masquerade/strays.ts';
import { ownerText } from '../../../src/resources/names.ts';
import { type Node, openNode } from '../../../src/resources/node.ts';
import { isOwnedByAny, removeOwned } from '../../../src/resources/plan.ts';
import { FLAVOURS, type Flavour, programsOf } from '../../support/iptables.ts';
import { createNetns, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';
import { cidr } from '../support/values.ts';

const entry = (containerId: string, address: string, network = 'pods'): Masqueraded => ({
  ...{ network, address: cidr(address) },
  owner: `${network}/${containerId}/eth0`,
});
const A = entry('a', '10.1.0.2/24');
const B = entry('b', '10.1.0.3/24');
const SCOPE = { network: 'pods', dataDir: '/var/lib/cni/networks' };
const keyOf = (containerId: string) => ({ containerId, ifName: 'eth0' });

/** As DEL without a record does it. */
function removeStraysOf(node: Node, containerId: string): void {
  const key = keyOf(containerId);
  expect(removeOwned(findStrays(node, { ...SCOPE, ...key }), (one) => one.isOf(key))).toEqual([]);
}

/** As GC does it. */
function removeStraysBeside(node: Node, ...valid: readonly string[]): void {
  const failures = removeOwned(findStrays(node, SCOPE), (one) => !isOwnedByAny(one, valid.map(keyOf)));
  expect(failures).toEqual([]);
}

function on<T>(ns: Netns, flavour: Flavour, action: (node: Node) => T): T {
  return inside(ns, () => {
    const node = openNode(programsOf(flavour), silentLog);
    try {
      return action(node);
    } finally {
      node.close();
    }
  });
}

const rules = (node: Node) => savedRules(node, 4, 'default', 'nat');

/** As ADD does it, where nobody else is alive. */
function ensure(node: Node, one: Masqueraded): void {
  if (!addIptablesMasquerade(node, one)) restoreIptablesMasquerade(node, one, []);
}

/** What a process that was killed at the wrong time left with 0.1.0: the rules that hold the text a second time. */
function addOnceMore(node: Node, text: string): void {
  const commands = rules(node).filter((rule) => rule.includes(text));
  expect(restore(node, 4, 'default', { table: 'nat', commands })).toBeUndefined();
}

describeOnKernel('masquerading through iptables', () => {
  describe.each([...FLAVOURS])('%s', (flavour) => {
    test('is taken away once: the second time there is nothing', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        expect(removeIptablesMasquerade(node, A)).toBe(false);
        for (const one of [A, B]) ensure(node, one);
        expect(rules(node)).toHaveLength(3);
        expect([removeIptablesMasquerade(node, A), removeIptablesMasquerade(node, A)]).toEqual([true, false]);
        expect(rules(node)).toHaveLength(2);
        expect(removeIptablesMasquerade(node, B)).toBe(true);
        expect(rules(node)).toEqual([]);
      });
    });

    test('is not added to a chain that nothing leads to; that one is made anew, and one that is led to is not', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        expect(addIptablesMasquerade(node, A)).toBe(false);
        expect(rules(node)).toEqual([]);
        restoreIptablesMasquerade(node, A, []);
        expect(addIptablesMasquerade(node, B)).toBe(true);
        const whole = rules(node);
        restore(node, 4, 'default', { table: 'nat', commands: ['-F POSTROUTING'] });
        expect(addIptablesMasquerade(node, B)).toBe(false);
        restoreIptablesMasquerade(node, A, [B]);
        expect(rules(node)).toEqual(whole);
        // Another process was first, and put in what it knew of.
        const late = entry('c', '10.1.0.4/24');
        restoreIptablesMasquerade(node, late, [A, B]);
        expect(rules(node)).toHaveLength(whole.length + 1);
        expect(rules(node).slice(0, whole.length)).toEqual(whole);
      });
    });

    test('of one owner is not taken for that of another with the same address', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        ensure(node, A);
        expect(removeIptablesMasquerade(node, { ...A, owner: 'pods/other/eth0' })).toBe(false);
        expect(rules(node)).toHaveLength(2);
      });
    });

    test('stands once where it is added twice, and goes with all its copies', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        for (const one of [A, B]) ensure(node, one);
        const whole = rules(node).sort();
        for (const one of [A, A, B]) ensure(node, one);
        expect(rules(node).sort()).toEqual(whole);
        for (const _ of ['twice', 'four times']) addOnceMore(node, '/a/');
        expect(rules(node)).toHaveLength(6);
        ensure(node, A);
        expect(rules(node)).toHaveLength(6);
        expect([removeIptablesMasquerade(node, A), removeIptablesMasquerade(node, A)]).toEqual([true, false]);
        expect(rules(node)).toEqual(whole.filter((rule) => !rule.includes('/a/')));
        expect(removeIptablesMasquerade(node, B)).toBe(true);
        expect(rules(node)).toEqual([]);
      });
    });

    test('that stands twice stands once when a rule of the network is taken out', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        for (const one of [A, B]) ensure(node, one);
        addOnceMore(node, '/a/');
        expect(rules(node)).toHaveLength(4);
        removeStraysOf(node, 'b');
        expect(rules(node).filter((rule) => rule.includes('/a/'))).toHaveLength(1);
        expect(rules(node)).toHaveLength(2);
      });
    });

    test('without a record is found by its owner; the chain goes with the last', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        const others = entry('a', '10.2.0.2/24', 'pods2');
        for (const one of [A, B, others]) ensure(node, one);
        removeStraysOf(node, 'a');
        expect(rules(node).filter((rule) => rule.includes('/a/'))).toHaveLength(1);
        removeStraysBeside(node, 'b');
        expect(rules(node)).toHaveLength(4);
        removeStraysBeside(node);
        expect(rules(node)).toHaveLength(2);
        expect(rules(node).every((rule) => rule.includes('pods2'))).toBe(true);
      });
    });

    test('of 0.1.0, which named no directory, goes with its attachment, and not as what has no record', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        for (const one of [A, B]) ensure(node, one);
        const there = { network: 'pods', dataDir: '/run/cni' };
        const whole = rules(node);
        expect(findStrays(node, there)).toEqual([]);
        const strays = findStrays(node, { ...there, ...keyOf('a') });
        expect(strays.map((one) => [one.isOf(keyOf('a')), one.isOf(keyOf('b'))])).toEqual([[true, false]]);
        expect(rules(node)).toEqual(whole);
        expect(removeIptablesMasquerade(node, { ...A, owner: ownerText({ ...there, ...keyOf('a') }) })).toBe(true);
        expect(rules(node)).toEqual(whole.filter((rule) => !rule.includes('/a/')));
        for (const one of findStrays(node, { ...there, ...keyOf('b') })) one.remove();
        expect(rules(node)).toEqual([]);
      });
    });

    test('changes of a table happen together or not at all, and the line that is refused is named', () => {
      using ns = createNetns();
      on(ns, flavour, (node) => {
        const refusal = restore(node, 4, 'default', { table: 'nat', commands: ['-N MINE', '-A NOT -j MINE'] });
        expect(refusal?.line).toBe(3);
        expect(refusal?.fault.message).toMatch(/^iptables-restore refused a change: .*line 3/);
        expect(restore(node, 4, 'default', { table: 'nat', commands: ['-N MINE'] })).toBeUndefined();
      });
    });
  });
});
