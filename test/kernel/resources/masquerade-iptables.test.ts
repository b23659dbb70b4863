/** Masquerading through iptables as a resource: what is verified without a program, and what happens where iptables is broken. */

import { describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forwardAcceptKind } from '../../../src/resources/forward-accept/forward-accept.ts';
import { isBroken } from '../../../src/resources/iptables/iptables.ts';
import { masqueradeKind } from '../../../src/resources/masquerade/masquerade.ts';
import { type Node, withNode } from '../../../src/resources/node.ts';
import { removeOwned } from '../../../src/resources/plan.ts';
import { faultOf } from '../../support/fault.ts';
import { FLAVOURS, type Flavour, iptables, programsOf, savedRules } from '../../support/iptables.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { inside } from '../support/inside.ts';
import { cidr } from '../support/values.ts';

const KEY = { network: 'pods', containerId: 'abc', ifName: 'eth0' };
const WANTED = { ...KEY, addresses: [cidr('10.1.0.2/24'), cidr('fd00:1::2/64')], backend: 'iptables' } as const;
const OTHER = { ...WANTED, containerId: 'other', addresses: [cidr('10.1.0.3/24'), cidr('fd00:1::3/64')] };
const SCOPE = { network: 'pods', dataDir: '/var/lib/cni/networks' };

function on<T>(ns: Netns, searchPath: string, act: (node: Node) => T): { answer: T; logged: string[] } {
  const logged: string[] = [];
  const log = (level: string, message: string) => void logged.push(`${level}: ${message}`);
  return { answer: inside(ns, () => withNode(searchPath, log, act)), logged };
}

const rules = (ns: Netns, flavour: Flavour) =>
  ([4, 6] as const)
    .flatMap((family) => savedRules(ns, flavour, family, 'nat'))
    .filter((rule) => rule.startsWith('-A '));

/** A PATH in which the programs of iptables say this and end so, whatever they are asked for. */
function ending(words: string, status: number): string {
  const directory = scratchDirectory();
  for (const family of ['iptables', 'ip6tables'])
    for (const flavour of ['', '-nft', '-legacy'])
      for (const action of ['restore', 'save']) {
        const file = join(directory, `${family}${flavour}-${action}`);
        writeFileSync(file, `#!/bin/sh\necho "${words}" >&2\nexit ${status}\n`);
        chmodSync(file, 0o755);
      }
  return directory;
}

/** Tables of both flavours, which nothing but ADD may make. */
const tablesOf = (ns: Netns) => [
  ...['ip_tables_names', 'ip6_tables_names'].map((name) => exec(ns, ['cat', `/proc/net/${name}`])),
  exec(ns, ['nft', 'list', 'tables']),
];

describeOnKernel('masquerading through iptables', () => {
  describe.each([...FLAVOURS])('%s', (flavour) => {
    const path = programsOf(flavour);
    const ensure = (ns: Netns, wanted: typeof WANTED | typeof OTHER = WANTED) =>
      on(ns, path, (node) => masqueradeKind.ensure(node, wanted));
    /** With no program in reach: none is run. */
    const finding = (ns: Netns, wanted: Parameters<typeof masqueradeKind.verify>[1] = WANTED) =>
      on(ns, ending('must not be run', 1), (node) => masqueradeKind.verify(node, wanted)).answer?.message;

    test('is verified without a program: whole, without its rules, without the way to them, as another’s', () => {
      using ns = createNetns();
      for (const wanted of [WANTED, OTHER]) ensure(ns, wanted);
      expect([finding(ns), finding(ns, { ...WANTED, backend: 'auto' })]).toEqual([undefined, undefined]);
      const stolen = { ...WANTED, addresses: OTHER.addresses };
      expect(finding(ns, stolen)).toMatch(/^10\.1\.0\.3 is not masqueraded: .* but TRESTLE-\w+ has no rule for it$/);
      const chain = /TRESTLE-\w+/.exec(rules(ns, flavour).join())?.[0] as string;
      exec(ns, [`iptables-${flavour}`, '-t', 'nat', '-F', 'POSTROUTING']);
      expect(finding(ns)).toBe(
        `10.1.0.2 is not masqueraded: expected in iptables for pods/abc/eth0, but no rule of POSTROUTING leads to ${chain}`,
      );
      exec(ns, [`iptables-${flavour}`, '-t', 'nat', '-F', chain]);
      expect(finding(ns)).toContain(`but ${chain} has no rule for it`);
      expect(finding(ns, { ...WANTED, backend: 'auto' })).toContain('expected in the nftables set');
      exec(ns, [`ip6tables-${flavour}`, '-t', 'nat', '-F', 'POSTROUTING']);
      expect(finding(ns, { ...WANTED, addresses: WANTED.addresses.slice(1) })).toContain(
        'no rule of POSTROUTING leads to',
      );
    });

    test('that iptables refuses to remove stays, and the error says what to try; the survey finds it later', () => {
      using ns = createNetns();
      for (const wanted of [WANTED, OTHER]) ensure(ns, wanted);
      const before = rules(ns, flavour);
      const broken = ending('line 2 failed', 1);
      const fault = faultOf(() => on(ns, broken, (node) => masqueradeKind.remove?.(node, WANTED)));
      expect(isBroken(fault)).toBe(true);
      expect(fault.message).toMatch(/^iptables-(nft|legacy)-restore refused a change: line 2 failed$/);
      expect(fault.details).toMatch(/Try "iptables-\w+ -t nat -S" on the node/);
      expect(isBroken(faultOf(() => on(ns, broken, (node) => masqueradeKind.survey(node, SCOPE))))).toBe(true);
      expect(rules(ns, flavour)).toEqual(before);
      const isDoomed = (owned: { isOf(key: typeof KEY): boolean }) => !owned.isOf(OTHER);
      on(ns, path, (node) => expect(removeOwned(masqueradeKind.survey(node, SCOPE), isDoomed)).toEqual([]));
      expect(rules(ns, flavour).filter((rule) => rule.includes('/abc/'))).toEqual([]);
      expect(rules(ns, flavour)).toHaveLength(before.length - 2);
    });

    test('whose lock another program holds fails DEL, which the next one mends', () => {
      using ns = createNetns();
      ensure(ns);
      const held = ending('Another app is currently holding the xtables lock', 4);
      const fault = faultOf(() => on(ns, held, (node) => masqueradeKind.remove?.(node, WANTED)));
      expect([fault.kind as string, isBroken(fault)]).toEqual(['busy', false]);
      on(ns, path, (node) => masqueradeKind.remove?.(node, WANTED));
      expect(rules(ns, flavour)).toEqual([]);
    });
  });

  describe('STATUS and CHECK make no table', () => {
    const accept = { bridge: 'cni0', mode: 'auto', families: [4, 6] } as const;

    test.each<[string, (ns: Netns) => void]>([
      ['where there is none', () => {}],
      ['where the older iptables drops', (ns) => iptables(ns, 'legacy', '-P', 'FORWARD', 'DROP')],
      ['where iptables over nf_tables drops', (ns) => iptables(ns, 'nft', '-P', 'FORWARD', 'DROP')],
    ])('%s', (_, prepare) => {
      using ns = createNetns();
      prepare(ns);
      const before = tablesOf(ns);
      for (const flavour of FLAVOURS) {
        on(ns, programsOf(flavour), (node) => {
          for (const backend of ['iptables', 'nftables', 'auto'] as const) {
            expect(masqueradeKind.able(node, { ...WANTED, backend })).toBeUndefined();
            expect(masqueradeKind.verify(node, { ...WANTED, backend })?.kind).toBe('check');
          }
          for (const mode of ['auto', 'open', 'look'] as const) {
            forwardAcceptKind.able(node, { ...accept, mode });
            forwardAcceptKind.verify(node, { ...accept, mode });
          }
        });
      }
      expect(tablesOf(ns)).toEqual(before);
    });
  });
});
