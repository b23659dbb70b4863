/** What an administrator denies stays denied, wherever the rule stands and whenever it came, although the rest is accepted. */

import { describe, expect, test } from 'bun:test';
import { type Artifact, executable } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { FLAVOURS, savedRules } from '../support/iptables.ts';
import { exec, ipBatch, type Netns, tryExec } from '../support/netns.ts';
import { createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { patient } from '../support/patience.ts';
import { runtime } from '../support/runtime.ts';
import { ping, sourceServer } from '../support/traffic.ts';
import { addRule, dropRules, FIREWALLS, type Firewall, loadFirewall, setPolicy } from './support/firewalls.ts';
import { e2e, ipam, network, V4, V6 } from './support/network.ts';

const PORT = 7777;
const FAMILIES = [4, 6] as const;
const POD = { 4: V4, 6: V6 } as const;
const WAYS = ['source', 'destination', 'port', 'interface', 'state'] as const;
type Way = (typeof WAYS)[number];

/** An address of the outside, another one for each way to deny. */
const target = (family: 4 | 6, way: Way) => `${OUTSIDE_ADDRESS[family]}${WAYS.indexOf(way) + 1}`;

/** A rule that denies what goes to that way's own address, with DROP and REJECT in turn. */
function denial(family: 4 | 6, way: Way): string {
  const conditions: Record<Way, string> = {
    source: `-s ${POD[family].subnet}`,
    destination: '',
    port: `-p tcp --dport ${PORT}`,
    interface: '-i cni0 -o eth0',
    state: '-m conntrack --ctstate NEW',
  };
  const verdict = WAYS.indexOf(way) % 2 === 0 ? 'DROP' : 'REJECT';
  return `${conditions[way]} -d ${target(family, way)} -j ${verdict}`.trim();
}

const DENIALS = FAMILIES.flatMap((family) => WAYS.map((way) => [family, denial(family, way)] as const));
const TARGETS = FAMILIES.flatMap((family) => WAYS.map((way) => target(family, way)));

/** Asks all at once. An answer is waited for long, the lack of one need not be. */
function expectAnswers(from: Netns, expected: readonly string[], addresses: readonly string[] = ALL): void {
  const ask = (to: string) => `nc -w ${patient(expected.includes(to) ? 10 : 1)} ${to} ${PORT}`;
  const asks = addresses.map((to) => `(${ask(to)} </dev/null 2>/dev/null | grep -q . && echo ${to}) &`);
  const { stdout } = tryExec(from, ['busybox', 'sh', '-c', `${asks.join('\n')}\nwait`]);
  expect(stdout.split('\n').filter(Boolean).sort()).toEqual(expected.toSorted());
}

async function withOutside(body: (node: ScratchNode) => void): Promise<void> {
  using node = createNode({ outside: true });
  ipBatch(
    node.outside,
    TARGETS.map((to) => `address add ${to}${to.includes(':') ? '/64 nodad' : '/24'} dev eth0`).join('\n'),
  );
  using _ = await sourceServer(node.outside, PORT);
  body(node);
}

const OPEN = [OUTSIDE_ADDRESS[4], OUTSIDE_ADDRESS[6]].sort();
const ALL = [...OPEN, ...TARGETS];

/** The first firewall whose administrators put their rules into that chain. */
function firewallOf(chain: string): Firewall {
  const found = FIREWALLS.find((one) => one.chain === chain);
  if (found === undefined) throw new Error(`there is no firewall with a chain ${chain}`);
  return found;
}

/** Each check waits a second for answers that do not come, so all of them are tried on one artifact. */
function firewallsFor(artifact: Artifact): readonly Firewall[] {
  return artifact === executable ? FIREWALLS : FIREWALLS.slice(0, 1);
}

e2e('what an administrator denies', (artifact) => {
  for (const flavour of FLAVOURS) {
    describe(flavour, () => {
      test.each(firewallsFor(artifact).map((firewall) => [firewall.name, firewall] as const))(
        'in %s: before the first container, between two, after the bridge was empty',
        async (_, firewall) => {
          await withOutside((node) => {
            loadFirewall(node.ns, flavour, firewall);
            const pods = runtime(node, artifact, network(node));
            const deny = () => {
              for (const [family, rule] of DENIALS) addRule(node.ns, flavour, family, firewall, rule);
            };
            deny();
            const [one, two, three] = [node.container(), node.container(), node.container()];
            succeeded(pods.add(one));
            expectAnswers(one.ns, OPEN);
            succeeded(pods.check(one));
            dropRules(node.ns, flavour, DENIALS, firewall);
            expectAnswers(one.ns, ALL);
            deny();
            succeeded(pods.add(two));
            for (const { ns } of [one, two]) expectAnswers(ns, OPEN);
            for (const container of [one, two]) succeeded(pods.check(container));
            for (const container of [one, two]) succeeded(pods.del(container));
            succeeded(pods.add(three));
            expectAnswers(three.ns, OPEN);
            succeeded(pods.check(three));
            succeeded(pods.del(three));
            for (const family of FAMILIES)
              expect(savedRules(node.ns, flavour, family, 'filter').join('\n')).not.toContain('TRESTLE');
          });
        },
        patient(60_000),
      );

      test('by a rule behind the accept: CHECK names it, and the next ADD moves the accept behind it', async () => {
        await withOutside((node) => {
          const firewall = firewallOf('FORWARD');
          loadFirewall(node.ns, flavour, firewall);
          const pods = runtime(node, artifact, network(node));
          const [one, two] = [node.container(), node.container()];
          succeeded(pods.add(one));
          addRule(node.ns, flavour, 4, firewall, denial(4, 'source'));
          expectAnswers(one.ns, [target(4, 'source')], [target(4, 'source')]);
          expect(failed(pods.check(one))).toMatchObject({
            code: 105,
            msg: expect.stringMatching(/^what may be denied is let through: .*TRESTLE-FWD-cni0 in iptables/),
            details: expect.stringContaining('next ADD'),
          });
          succeeded(pods.add(two));
          expectAnswers(one.ns, [], [target(4, 'source')]);
          for (const container of [one, two]) succeeded(pods.check(container));
        });
      });

      test('once the policy accepts again: the accept does not overrule it', async () => {
        await withOutside((node) => {
          const firewall = firewallOf('FORWARD');
          loadFirewall(node.ns, flavour, firewall);
          const pods = runtime(node, artifact, network(node));
          const [one, two] = [node.container(), node.container()];
          succeeded(pods.add(one));
          setPolicy(node.ns, flavour, 'ACCEPT');
          for (const [family, rule] of DENIALS) addRule(node.ns, flavour, family, firewall, rule);
          expect(failed(pods.check(one)).code).toBe(105);
          succeeded(pods.add(two));
          expectAnswers(one.ns, OPEN);
          succeeded(pods.check(one));
        });
      });

      test('by an accept at the head of FORWARD that an earlier version put there: it moves', async () => {
        await withOutside((node) => {
          const rules = [
            ':FORWARD DROP [0:0]',
            ':TRESTLE-FWD-cni0 - [0:0]',
            '-A FORWARD -j TRESTLE-FWD-cni0',
            '-A TRESTLE-FWD-cni0 -i cni0 -j ACCEPT',
            '-A TRESTLE-FWD-cni0 -o cni0 -j ACCEPT',
          ];
          const firewall = {
            name: '',
            rules: ['*filter', ...rules, 'COMMIT', ''].join('\n'),
            chain: 'FORWARD',
            behind: 0,
          };
          loadFirewall(node.ns, flavour, firewall);
          for (const [family, rule] of DENIALS) addRule(node.ns, flavour, family, firewall, rule);
          const pods = runtime(node, artifact, network(node));
          const one = node.container();
          succeeded(pods.add(one));
          expectAnswers(one.ns, OPEN);
          expect(reachesPod(node)).toEqual([false, false]);
          succeeded(pods.del(one));
        });
      });

      test('two networks that are kept apart stay apart', () => {
        using node = createNode();
        const isolation = firewallOf('CNI-ISOLATION-STAGE-1');
        const both = isolation.rules.replaceAll(/-A .*br9.*\n/g, (rule) => `${rule.replaceAll('br9', 'cni0')}${rule}`);
        loadFirewall(node.ns, flavour, { ...isolation, rules: both });
        const first = runtime(node, artifact, network(node));
        const ranges = ipam(node, ['10.90.0.0/24', 'fd00:90::/64']);
        const second = runtime(node, artifact, network(node, { name: 'other', bridge: 'br9', ipam: ranges }));
        const [one, two] = [node.container(), node.container()];
        succeeded(first.add(one));
        succeeded(second.add(two));
        for (const to of ['10.90.0.2', 'fd00:90::2']) expect(ping(one.ns, to, { timeout: 1 })).toBe(false);
        for (const to of [V4.first, V6.first]) expect(ping(two.ns, to, { timeout: 1 })).toBe(false);
      });
    });
  }
});

/** Whether a host on the outside opens a connection to the first container, by its own address. */
function reachesPod(node: ScratchNode): boolean[] {
  for (const family of FAMILIES)
    exec(node.outside, ['ip', 'route', 'replace', POD[family].subnet, 'via', NODE_ADDRESS[family]]);
  return FAMILIES.map((family) => ping(node.outside, POD[family].first, { timeout: 1 }));
}
