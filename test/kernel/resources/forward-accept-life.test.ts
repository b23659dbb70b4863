/** The accept for a bridge over its life: networks that share it, drops that come later, bridges that go; what STATUS says meanwhile. */

import { describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from '../../../src/fault.ts';
import { type ForwardAcceptWanted, forwardAcceptKind } from '../../../src/resources/forward-accept/forward-accept.ts';
import { hostVethAlias } from '../../../src/resources/names.ts';
import { type Node, withNode } from '../../../src/resources/node.ts';
import { removeOwned } from '../../../src/resources/plan.ts';
import { FLAVOURS, type Flavour, iptables, savedRules } from '../../support/iptables.ts';
import { setSysctl } from '../../support/kernel.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { inside } from '../support/inside.ts';
import { spyOn } from '../support/spy.ts';
import { cidr } from '../support/values.ts';

const FAMILIES = [4, 6] as const;
const CNI0: ForwardAcceptWanted = { bridge: 'cni0', mode: 'auto', families: FAMILIES, subnets: subnets(1) };
const SCOPE = { network: 'pods', dataDir: '/var/lib/cni/networks' };

function subnets(number: number) {
  return [cidr(`10.${number}.0.0/16`), cidr(`fd00:${number}::/64`)];
}

/** As a call of the plugin has it. @returns what it answers, and what it logs */
function on<T>(ns: Netns, act: (node: Node) => T, searchPath = SYSTEM_PATH): { answer: T; logged: string[] } {
  const logged: string[] = [];
  const log = (level: string, message: string) => void logged.push(`${level}: ${message}`);
  return { answer: inside(ns, () => withNode(searchPath, log, act)), logged };
}

const ensure = (ns: Netns, wanted = CNI0) => on(ns, (node) => forwardAcceptKind.ensure(node, wanted)).logged;
const remove = (ns: Netns, wanted = CNI0) => on(ns, (node) => forwardAcceptKind.remove?.(node, wanted)).logged;
const verify = (ns: Netns, wanted = CNI0) => on(ns, (node) => forwardAcceptKind.verify(node, wanted)).answer;
const able = (ns: Netns, wanted = CNI0) => on(ns, (node) => forwardAcceptKind.able(node, wanted)).answer;
const said = (fault: Fault | undefined) => fault && [fault.kind as string, fault.message];

/** The rules of all accepts, of both families, without comments. */
function accepts(ns: Netns, flavour: Flavour): string[] {
  const rules = FAMILIES.flatMap((family) => savedRules(ns, flavour, family, 'filter'));
  return rules.filter((rule) => rule.startsWith('-A TRESTLE-FWD-')).map(withoutComment);
}

const withoutComment = (rule: string) => rule.replace(/ -m comment --comment ("[^"]*"|\S+)/, '');
const chains = (ns: Netns, flavour: Flavour) =>
  savedRules(ns, flavour, 4, 'filter').filter((rule) => rule.startsWith(':TRESTLE-FWD-'));

function droppingNetns(flavour: Flavour): Netns {
  const ns = createNetns();
  iptables(ns, flavour, '-P', 'FORWARD', 'DROP');
  return ns;
}

/** A bridge with the host veth of an attachment plugged into it. */
function addBridge(ns: Netns, name: string): void {
  exec(ns, ['ip', 'link', 'add', name, 'type', 'bridge']);
  exec(ns, ['ip', 'link', 'add', `v${name}`, 'type', 'veth', 'peer', 'name', `p${name}`]);
  const alias = hostVethAlias({ network: 'pods', containerId: 'abc', ifName: 'eth0' });
  exec(ns, ['ip', 'link', 'set', `v${name}`, 'master', name, 'alias', alias, 'up']);
}

describe.each([...FLAVOURS])('%s', (flavour) => {
  describeOnKernel('networks that share a bridge', () => {
    const open: ForwardAcceptWanted = { ...CNI0, mode: 'open', subnets: subnets(2) };
    const opening = (number: number) => [
      `-A TRESTLE-FWD-cni0 -d 10.${number}.0.0/16 -o cni0 -j ACCEPT`,
      `-A TRESTLE-FWD-cni0 -d fd00:${number}::/64 -o cni0 -j ACCEPT`,
    ];
    const openings = (ns: Netns) => accepts(ns, flavour).filter((rule) => rule.includes(' -d '));

    test('are open each for itself, in whatever order they come, and both are as they want it', () => {
      using ns = droppingNetns(flavour);
      const third: ForwardAcceptWanted = { ...open, subnets: subnets(3) };
      for (const wanted of [CNI0, open, third, CNI0]) expect(ensure(ns, wanted)).toEqual([]);
      expect(openings(ns).sort()).toEqual([...opening(2), ...opening(3)].sort());
      expect([CNI0, open, third].map((wanted) => verify(ns, wanted))).toEqual([undefined, undefined, undefined]);
      expect(accepts(ns, flavour)).toHaveLength(2 * 3 + 4);
    });

    test('an open subnet is closed by an ADD of its network once that is not open any more', () => {
      using ns = droppingNetns(flavour);
      for (const wanted of [open, { ...open, subnets: subnets(3) }]) ensure(ns, wanted);
      const closed: ForwardAcceptWanted = { ...open, mode: 'auto' };
      expect(said(verify(ns, closed))?.[1]).toContain('is not accepted as "forward" says');
      ensure(ns, closed);
      expect(openings(ns)).toEqual(opening(3));
      expect(said(verify(ns, open))?.[1]).toContain('is not accepted as "forward" says');
    });

    test('a prefix that ends within a byte, or is one address, is open as well', () => {
      using ns = droppingNetns(flavour);
      const odd = ['10.64.0.0/13', '10.1.0.7/32', 'fd00:8::/61', 'fd00::7/128'].map(cidr);
      const wanted: ForwardAcceptWanted = { ...open, subnets: odd };
      ensure(ns, wanted);
      expect(verify(ns, wanted)).toBeUndefined();
      expect(openings(ns).map((rule) => rule.split(' ')[3])).toEqual([
        '10.64.0.0/13',
        '10.1.0.7/32',
        'fd00:8::/61',
        'fd00::7/128',
      ]);
    });

    test('the accept of 0.1.0 for "open", which opened the whole bridge, is closed', () => {
      using ns = droppingNetns(flavour);
      ensure(ns);
      iptables(ns, flavour, '-A', 'TRESTLE-FWD-cni0', '-o', 'cni0', '-j', 'ACCEPT');
      ensure(ns);
      expect(accepts(ns, flavour)).not.toContain('-A TRESTLE-FWD-cni0 -o cni0 -j ACCEPT');
      expect(verify(ns)).toBeUndefined();
    });

    test('what is saved and restored by iptables is still known', () => {
      using ns = droppingNetns(flavour);
      const wanted: ForwardAcceptWanted = { ...open, subnets: [...subnets(2), cidr('10.64.0.0/13')] };
      ensure(ns, wanted);
      for (const name of ['iptables', 'ip6tables']) {
        const text = exec(ns, [`${name}-${flavour}-save`]);
        exec(ns, [`${name}-${flavour}-restore`], { stdin: text });
      }
      expect(verify(ns, wanted)).toBeUndefined();
    });
  });

  describeOnKernel('a drop that comes after ADD', () => {
    const NAME = { nft: 'nf_tables', legacy: 'legacy' }[flavour];

    test.each<[string, (ns: Netns) => void, string]>([
      [
        'and an accept that is flushed',
        (ns) => iptables(ns, flavour, '-F', 'FORWARD'),
        `what cni0 forwards is dropped: the policy of FORWARD in iptables (${NAME}) is DROP, and the accept for cni0 is not there`,
      ],
      [
        'in front of the accept',
        (ns) => iptables(ns, flavour, '-I', 'FORWARD', '-j', 'DROP'),
        `what cni0 forwards is dropped: a rule of FORWARD in iptables (${NAME}) drops or rejects everything, and the accept for cni0 stands behind it`,
      ],
      [
        'and a rule that returns everything in front of the accept',
        (ns) => iptables(ns, flavour, '-I', 'FORWARD', '-j', 'RETURN'),
        `what cni0 forwards is dropped: the policy of FORWARD in iptables (${NAME}) is DROP, and the accept for cni0 stands behind a rule that returns everything`,
      ],
      [
        'a rule behind the accept',
        (ns) => iptables(ns, flavour, '-A', 'FORWARD', '-p', 'tcp', '-j', 'DROP'),
        `what may be denied is let through: rules of FORWARD stand behind the rule that leads to TRESTLE-FWD-cni0 in iptables (${NAME})`,
      ],
      [
        'and an accept that is empty',
        (ns) => iptables(ns, flavour, '-F', 'TRESTLE-FWD-cni0'),
        `what cni0 forwards is not accepted as "forward" says: TRESTLE-FWD-cni0 in iptables (${NAME}) does not hold the rules for it`,
      ],
    ])('is found by STATUS for running containers: %s; the next ADD mends it', (_, change, message) => {
      using ns = droppingNetns(flavour);
      addBridge(ns, 'cni0');
      ensure(ns);
      expect(able(ns)).toBeUndefined();
      change(ns);
      expect(said(able(ns))).toEqual(['limited', message]);
      expect(able(ns)?.details).toContain('The next ADD');
      expect(ensure(ns)).toEqual([]);
      expect(able(ns)).toBeUndefined();
    });

    test('is found where the first ADD met none', () => {
      using ns = createNetns();
      addBridge(ns, 'cni0');
      ensure(ns);
      expect(chains(ns, flavour)).toEqual([]);
      iptables(ns, flavour, '-P', 'FORWARD', 'DROP');
      expect(said(able(ns))?.[1]).toContain('and the accept for cni0 is not there');
    });

    test('is no business of STATUS where nothing is attached: the first ADD accepts', () => {
      using ns = droppingNetns(flavour);
      exec(ns, ['ip', 'link', 'add', 'cni0', 'type', 'bridge']);
      expect(able(ns)).toBeUndefined();
    });
  });

  describeOnKernel('accepts that nobody uses', () => {
    const survey = (ns: Netns) =>
      on(ns, (node) => forwardAcceptKind.survey(node, SCOPE).map(({ what }) => what)).answer;

    test('are found by GC: of bridges that are gone or have no port; those that are used stay', () => {
      using ns = droppingNetns(flavour);
      addBridge(ns, 'cni0');
      for (const bridge of ['cni0', 'gone', 'empty', 'gone.7'])
        ensure(ns, { ...CNI0, bridge: 'cni0', ...linkOf(bridge) });
      exec(ns, ['ip', 'link', 'add', 'empty', 'type', 'bridge']);
      ensure(ns, { ...CNI0, bridge: 'gone' });
      // An ADD leaves the accepts of its own bridge and VLANs: their port may be about to come.
      expect(survey(ns).sort()).toEqual(['gone', 'gone.7'].map((link) => `the accept of ${link}, which no port uses`));
      const failures = on(ns, (node) => removeOwned(forwardAcceptKind.survey(node, SCOPE), () => true)).answer;
      expect([failures, chains(ns, flavour)]).toEqual([[], [':TRESTLE-FWD-cni0 -']]);
    });

    test('of a renamed bridge goes with the next ADD that changes an accept, and with the last DEL of another', () => {
      using ns = droppingNetns(flavour);
      addBridge(ns, 'cni0');
      ensure(ns);
      exec(ns, ['ip', 'link', 'set', 'cni0', 'name', 'br9']);
      addBridge(ns, 'cni1');
      ensure(ns, { ...CNI0, bridge: 'cni1' });
      expect(chains(ns, flavour)).toEqual([':TRESTLE-FWD-cni1 -']);
      exec(ns, ['ip', 'link', 'set', 'cni1', 'name', 'br8']);
      remove(ns, { ...CNI0, bridge: 'other' });
      expect(chains(ns, flavour)).toEqual([]);
    });

    test('of a bridge with a port stays when an attachment goes', () => {
      using ns = droppingNetns(flavour);
      addBridge(ns, 'cni0');
      ensure(ns);
      remove(ns);
      expect(chains(ns, flavour)).toEqual([':TRESTLE-FWD-cni0 -']);
      exec(ns, ['ip', 'link', 'del', 'vcni0']);
      remove(ns);
      expect(chains(ns, flavour)).toEqual([]);
    });

    test('of a VLAN’s gateway goes with the gateway, and the bridge’s own stays', () => {
      using ns = droppingNetns(flavour);
      addBridge(ns, 'cni0');
      for (const wanted of [CNI0, { ...CNI0, vlan: 7 }]) ensure(ns, wanted);
      expect(chains(ns, flavour).sort()).toEqual([':TRESTLE-FWD-cni0 -', ':TRESTLE-FWD-cni0.7 -']);
      remove(ns, { ...CNI0, vlan: 7 });
      expect(chains(ns, flavour)).toEqual([':TRESTLE-FWD-cni0 -']);
    });
  });

  describeOnKernel('frames on a bridge without gateway', () => {
    const LOOK: ForwardAcceptWanted = { ...CNI0, mode: 'look', subnets: [] };
    const filtered = (ns: Netns, value: 0 | 1) => {
      for (const name of ['iptables', 'ip6tables']) setSysctl(ns, `net/bridge/bridge-nf-call-${name}`, value);
    };

    test.each([
      ['the policy', ['-P', 'FORWARD', 'DROP'], /the policy of FORWARD in iptables \(.*\) is DROP$/],
      [
        'a rule',
        ['-A', 'FORWARD', '-j', 'REJECT'],
        /a rule of FORWARD in iptables \(.*\) drops or rejects everything$/,
      ],
    ])(
      'that packet filters see and %s drops: ADD warns, STATUS says it, CHECK passes, nothing is changed',
      (_, rule, why) => {
        using ns = createNetns();
        filtered(ns, 1);
        iptables(ns, flavour, ...rule);
        const fault = able(ns, LOOK);
        expect(fault?.kind).toBe('limited');
        expect(fault?.message).toStartWith(
          'frames between the ports of cni0 are dropped: net.bridge.bridge-nf-call-iptables is 1, and ',
        );
        expect(fault?.message).toMatch(why);
        expect(fault?.details).toContain('Set "forward": "auto"');
        expect(ensure(ns, LOOK)).toEqual([`warn: ${fault?.message}. ${fault?.details}`]);
        expect(verify(ns, LOOK)).toBeUndefined();
        expect(chains(ns, flavour)).toEqual([]);
        filtered(ns, 0);
        expect([able(ns, LOOK), ...ensure(ns, LOOK)]).toEqual([undefined]);
      },
    );

    test.each([
      ['of the bridge', ['-i', 'cni0', '-j', 'ACCEPT']],
      ['of all bridges', ['-m', 'physdev', '--physdev-is-bridged', '-j', 'ACCEPT']],
    ])('that a rule may accept: %s: nothing is said', (_, rule) => {
      using ns = droppingNetns(flavour);
      filtered(ns, 1);
      iptables(ns, flavour, '-A', 'FORWARD', ...rule);
      expect(able(ns, LOOK)).toBeUndefined();
      iptables(ns, flavour, '-R', 'FORWARD', '1', '-i', 'other', '-j', 'ACCEPT');
      expect(able(ns, LOOK)?.kind).toBe('limited');
    });

    test('that packet filters do not see cost no exchange', () => {
      using ns = droppingNetns(flavour);
      filtered(ns, 0);
      const asked: number[] = [];
      on(ns, (node) => {
        const nft = spyOn(node.nft(), (_, types) => void asked.push(...types));
        forwardAcceptKind.ensure({ ...node, nft: () => nft }, LOOK);
      });
      expect(asked).toEqual([]);
    });

    test('leave the accept of another network alone', () => {
      using ns = droppingNetns(flavour);
      filtered(ns, 1);
      ensure(ns);
      expect(able(ns, LOOK)).toBeUndefined();
      remove(ns, LOOK);
      expect(chains(ns, flavour)).toEqual([':TRESTLE-FWD-cni0 -']);
    });
  });
});

/** `gone.7` is the gateway of a VLAN. */
function linkOf(name: string): Partial<ForwardAcceptWanted> {
  const [bridge = '', vlan] = name.split('.');
  return vlan === undefined ? { bridge } : { bridge, vlan: Number(vlan) };
}

describeOnKernel('an accept that the older iptables does not take out', () => {
  /** A PATH in which the program fails as it does in life. */
  function failing(): string {
    const directory = scratchDirectory();
    for (const name of ['iptables-legacy-restore', 'ip6tables-legacy-restore']) {
      const file = join(directory, name);
      writeFileSync(file, '#!/bin/sh\necho "iptables-restore: line 5 failed" >&2\nexit 1\n');
      chmodSync(file, 0o755);
    }
    return `${directory}:${SYSTEM_PATH}`;
  }

  test('fails neither DEL, nor undo, nor GC, and the log says what to try', () => {
    using ns = droppingNetns('legacy');
    ensure(ns);
    const del = on(ns, (node) => forwardAcceptKind.remove?.(node, CNI0), failing()).logged;
    expect(del).toHaveLength(2);
    expect(del[0]).toBe(
      'warn: cannot take the accept of cni0 out: iptables-legacy-restore refused a change: iptables-restore: line 5 failed. ' +
        'Try "iptables-legacy -t filter -S" on the node; another program may hold its lock.',
    );
    const gc = on(ns, (node) => removeOwned(forwardAcceptKind.survey(node, SCOPE), () => true), failing());
    expect([gc.answer, gc.logged.length]).toEqual([[], 2]);
    expect(chains(ns, 'legacy')).toEqual([':TRESTLE-FWD-cni0 -']);
    expect(remove(ns)).toEqual([]);
    expect(chains(ns, 'legacy')).toEqual([]);
  });
});
