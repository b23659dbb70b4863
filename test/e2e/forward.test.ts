/** Forwarding where iptables drops what no rule accepts, as Docker has it do. */

import { expect, test } from 'bun:test';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { FLAVOURS, iptables } from '../support/iptables.ts';
import { setSysctl } from '../support/kernel.ts';
import { exec, type Netns } from '../support/netns.ts';
import { createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import {
  accepted,
  CHAIN,
  droppingNode,
  eachFlavour,
  FAMILIES,
  mine,
  OPENINGS,
  saved,
  sorted,
} from './support/accepts.ts';
import { installDockerRules } from './support/docker.ts';
import { withMounts } from './support/mounts.ts';
import { e2e, ipam, loseNamespace, network, V4, V6 } from './support/network.ts';
import { traced } from './support/strace.ts';

/** IPv4 and IPv6 to the other container and to the outside. An answer is waited for long, the lack of one need not be. */
function reaches(from: Netns, other: boolean, timeout = 10): boolean[] {
  const addresses = [...(other ? [V4.second, V6.second] : []), OUTSIDE_ADDRESS[4], OUTSIDE_ADDRESS[6]];
  return addresses.map((address) => ping(from, address, { timeout }));
}

e2e('forwarding where iptables drops', (artifact) => {
  eachFlavour((flavour) => {
    test.each([
      ['by policy alone', false],
      ['with Docker’s chains', true],
    ])('%s: is accepted at the end of FORWARD, once a bridge, until the last container is gone', (_, docker) => {
      using node = droppingNode(flavour, docker);
      const before = FAMILIES.map((family) => saved(node.ns, flavour, family));
      const pods = runtime(node, artifact, network(node));
      const [one, two] = [node.container(), node.container()];
      for (const container of [one, two]) succeeded(pods.add(container));
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
      expect(saved(node.ns, flavour, 4).findLast((rule) => rule.startsWith('-A FORWARD '))).toBe(
        `-A FORWARD -j ${CHAIN}`,
      );
      expect(reaches(one.ns, true)).toEqual([true, true, true, true]);
      for (const container of [one, two]) succeeded(pods.check(container));
      succeeded(pods.status());
      succeeded(pods.del(one));
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
      expect(reaches(two.ns, false)).toEqual([true, true]);
      succeeded(pods.del(two));
      expect(FAMILIES.map((family) => saved(node.ns, flavour, family))).toEqual(before);
    });

    test.each([
      ['REJECT', ['-j', 'REJECT']],
      ['DROP, commented', ['-m', 'comment', '--comment', 'the last one', '-j', 'DROP']],
    ])('by a rule at the end: %s: is accepted before it, told by CHECK when it is gone, and put back', (_, last) => {
      using node = createNode({ outside: true });
      for (const name of ['iptables', 'ip6tables']) setSysctl(node.ns, `net/bridge/bridge-nf-call-${name}`, 1);
      const rule = (...words: string[]) => iptables(node.ns, flavour, '-A', 'FORWARD', ...words);
      const load = () => {
        iptables(node.ns, flavour, '-F');
        iptables(node.ns, flavour, '-X');
        rule('-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT');
        rule(...last);
      };
      load();
      const before = FAMILIES.map((family) => saved(node.ns, flavour, family));
      const pods = runtime(node, artifact, network(node));
      const [one, two, three] = [node.container(), node.container(), node.container()];
      for (const container of [one, two]) succeeded(pods.add(container));
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
      expect(reaches(one.ns, true)).toEqual([true, true, true, true]);
      succeeded(pods.check(one));
      succeeded(pods.status());
      load();
      expect(reaches(one.ns, true, 1)).toEqual([false, false, false, false]);
      expect(failed(pods.check(one))).toMatchObject({
        code: 105,
        msg: expect.stringMatching(
          /^what cni0 forwards is dropped: a rule of FORWARD in iptables .* drops or rejects everything, and the accept for cni0 is not there/,
        ),
      });
      succeeded(pods.add(three));
      expect(reaches(one.ns, true)).toEqual([true, true, true, true]);
      for (const container of [one, two, three]) succeeded(pods.del(container));
      expect(FAMILIES.map((family) => saved(node.ns, flavour, family))).toEqual(before);
    });

    test('is left to others where it is told to: nothing gets through', () => {
      using node = droppingNode(flavour, false);
      const pods = runtime(node, artifact, network(node, { forward: 'off' }));
      const [one, two] = [node.container(), node.container()];
      for (const container of [one, two]) succeeded(pods.add(container));
      expect(mine(node.ns, flavour)).toEqual([[], []]);
      expect(reaches(one.ns, true, 1)).toEqual([false, false, false, false]);
      succeeded(pods.check(one));
    });

    test.each([
      ['all rules flushed', (ns: Netns) => iptables(ns, flavour, '-F')],
      ['the way to the chain flushed', (ns: Netns) => iptables(ns, flavour, '-F', 'FORWARD')],
      ['the chain flushed', (ns: Netns) => iptables(ns, flavour, '-F', CHAIN)],
      [
        'no chain any more',
        (ns: Netns) => {
          iptables(ns, flavour, '-F');
          iptables(ns, flavour, '-X');
        },
      ],
    ])('undone by hand is told by CHECK, and put back by the next ADD: %s', (_, undo) => {
      using node = droppingNode(flavour, false);
      const pods = runtime(node, artifact, network(node));
      const [one, two] = [node.container(), node.container()];
      succeeded(pods.add(one));
      undo(node.ns);
      const error = failed(pods.check(one));
      expect(error.msg).toMatch(
        /what cni0 forwards is (dropped: the policy of FORWARD in iptables .*the accept for cni0 is not there|not accepted as "forward" says: TRESTLE-FWD-cni0 in iptables .* does not hold the rules for it)$/,
      );
      expect(error.code).toBe(105);
      succeeded(pods.add(two));
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
      succeeded(pods.check(one));
      expect(reaches(one.ns, true)).toEqual([true, true, true, true]);
      for (const container of [one, two]) succeeded(pods.del(container));
      expect(mine(node.ns, flavour)).toEqual([[], []]);
    });

    test('of a policy that comes later is told by CHECK, and accepted by the next ADD', () => {
      using node = createNode();
      const pods = runtime(node, artifact, network(node));
      const [one, two] = [node.container(), node.container()];
      succeeded(pods.add(one));
      installDockerRules(node.ns, flavour);
      expect(failed(pods.check(one)).code).toBe(105);
      succeeded(pods.add(two));
      succeeded(pods.check(one));
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
    });

    test('host ports are reached from outside, containers by their own addresses are not unless forward is open', async () => {
      using node = droppingNode(flavour, true);
      const container = node.container();
      for (const [family, subnet] of [[4, V4.subnet] as const, [6, V6.subnet] as const])
        exec(node.outside, ['ip', 'route', 'add', subnet, 'via', NODE_ADDRESS[family]]);
      const rules = `table inet ports {
        chain before { type nat hook prerouting priority -100;
          tcp dport 8080 dnat ip to ${V4.first}:7777
          tcp dport 8080 dnat ip6 to [${V6.first}]:7777
        }
      }\n`;
      exec(node.ns, ['nft', '-f', '-'], { stdin: rules });
      const pods = runtime(node, artifact, network(node));
      succeeded(pods.add(container));
      using _ = await sourceServer(container.ns, 7777);
      const outside = () =>
        FAMILIES.map((family) => [
          seenFrom(node.outside, { address: NODE_ADDRESS[family], port: 8080 }, 1),
          seenFrom(node.outside, { address: family === 4 ? V4.first : V6.first, port: 7777 }, 1),
        ]);
      const from = (family: 4 | 6) => OUTSIDE_ADDRESS[family];
      expect(outside()).toEqual(FAMILIES.map((family) => [from(family), undefined]));
      const open = runtime(node, artifact, network(node, { forward: 'open' }));
      succeeded(pods.check(container));
      succeeded(open.add(node.container()));
      expect(failed(pods.check(container)).msg).toMatch(/not accepted as "forward" says/);
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted(OPENINGS));
      expect(outside()).toEqual(FAMILIES.map((family) => [from(family), from(family)]));
      succeeded(pods.add(node.container()));
      succeeded(pods.check(container));
      expect(outside()).toEqual(FAMILIES.map((family) => [from(family), undefined]));
    });

    test('of many at once is accepted once', async () => {
      using node = droppingNode(flavour, true);
      const pods = runtime(node, artifact, network(node));
      const containers = Array.from({ length: 6 }, () => node.container());
      for (const outcome of await Promise.all(containers.map((one) => pods.addAsync(one)))) succeeded(outcome);
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
      for (const outcome of await Promise.all(containers.map((one) => pods.delAsync(one)))) succeeded(outcome);
      expect(mine(node.ns, flavour)).toEqual([[], []]);
    });

    test('stays for the one that comes while the last one goes', async () => {
      using node = droppingNode(flavour, true);
      const pods = runtime(node, artifact, network(node, { ipMasq: false }));
      let last = node.container();
      succeeded(pods.add(last));
      for (let round = 0; round < 6; round++) {
        const next = node.container();
        for (const outcome of await Promise.all([pods.delAsync(last), pods.addAsync(next)])) succeeded(outcome);
        succeeded(pods.check(next));
        last = next;
      }
    });

    test('goes with GC, when nothing is plugged in any more', () => {
      using node = droppingNode(flavour, true);
      const pods = runtime(node, artifact, network(node));
      const container = node.container();
      succeeded(pods.add(container));
      succeeded(pods.gc([{ containerID: container.id, ifname: 'eth0' }]));
      expect(sorted(mine(node.ns, flavour))).toEqual(accepted());
      loseNamespace(node, container);
      succeeded(pods.gc([]));
      expect(mine(node.ns, flavour)).toEqual([[], []]);
    });

    test('leaves other bridges’ accepts alone', () => {
      using node = droppingNode(flavour, false);
      const [one, two] = [node.container(), node.container()];
      const other = { name: 'other', bridge: 'cni1', ipam: ipam(node, ['10.90.0.0/24', 'fd00:90::/64']) };
      const others = runtime(node, artifact, network(node, other));
      const pods = runtime(node, artifact, network(node));
      succeeded(others.add(two));
      const before = FAMILIES.map((family) => saved(node.ns, flavour, family));
      succeeded(pods.add(one));
      succeeded(pods.del(one));
      expect(FAMILIES.map((family) => saved(node.ns, flavour, family))).toEqual(before);
      succeeded(others.check(two));
    });

    test('starts no process once the accept is there', () => {
      using node = droppingNode(flavour, true);
      succeeded(runtime(node, artifact, network(node)).add(node.container()));
      expect(programsOfAdd(node, artifact)).toEqual([]);
    });
  });

  test('nothing is put into iptables that drops nothing, and no process is started', () => {
    using node = createNode();
    for (const flavour of FLAVOURS) iptables(node.ns, flavour, '-P', 'FORWARD', 'ACCEPT');
    expect(programsOfAdd(node, artifact)).toEqual([]);
    for (const flavour of FLAVOURS) expect(mine(node.ns, flavour)).toEqual([[], []]);
  });

  test('a drop in both flavours is accepted in both', () => {
    using node = createNode({ outside: true });
    for (const flavour of FLAVOURS) installDockerRules(node.ns, flavour);
    const container = node.container();
    succeeded(runtime(node, artifact, network(node)).add(container));
    expect(reaches(container.ns, false)).toEqual([true, true]);
  });

  test('a drop of the older iptables without its program: ADD and STATUS say so and go on, STATUS with "strict" says 51', () => {
    using node = droppingNode('legacy', false);
    const hide = ['xtables-nft-multi', 'xtables-legacy-multi'].map(
      (name) => `mount --bind /dev/null /usr/sbin/${name}`,
    );
    const pods = runtime(node, withMounts(node, artifact, hide), network(node));
    const outcome = pods.add(node.container());
    succeeded(outcome);
    expect(outcome.stderr).toMatch(/warn: what cni0 forwards may be dropped: cannot run iptables-legacy-restore/);
    const asked = pods.status();
    expect([succeeded(asked).cniVersion, asked.stdout]).toEqual(['', '']);
    expect(asked.stderr).toMatch(
      /^trestle: warn: what cni0 forwards is dropped: the policy of FORWARD in iptables \(legacy\) is DROP.*Install the package "iptables"/,
    );
    const error = failed(pods.status({ config: network(node, { status: 'strict' }) }));
    expect(error.msg).toMatch(/^what cni0 forwards is dropped: the policy of FORWARD in iptables \(legacy\) is DROP/);
    expect(error).toMatchObject({ code: 51, details: expect.stringContaining('Install the package "iptables"') });
    succeeded(runtime(node, artifact, network(node)).status());
  });

  test.each(['br+', '-j', '!', 'a"b', '--help'])(
    'a bridge called %s is accepted over netlink, and nothing else',
    (bridge) => {
      using node = droppingNode('nft', false);
      const pods = runtime(node, artifact, network(node, { bridge }));
      const [one, two, other] = [node.container(), node.container(), node.container()];
      for (const container of [one, two]) succeeded(pods.add(container));
      expect(reaches(one.ns, true)).toEqual([true, true, true, true]);
      const elsewhere = { name: 'other', bridge: 'br-1', forward: 'off', ipam: ipam(node, ['10.90.0.0/24']) };
      succeeded(runtime(node, artifact, network(node, elsewhere)).add(other));
      expect(ping(other.ns, OUTSIDE_ADDRESS[4], { timeout: 1 })).toBe(false);
      for (const container of [one, two]) succeeded(pods.del(container));
      expect(saved(node.ns, 'nft', 4)).toEqual([]);
    },
  );

  test.each(['br+', '-j', '!', 'a"b', '--help'])(
    'a bridge called %s is none for the older iptables, which is told',
    (bridge) => {
      using node = droppingNode('legacy', false);
      const pods = runtime(node, artifact, network(node, { bridge }));
      const outcome = pods.add(node.container());
      succeeded(outcome);
      expect(outcome.stderr).toContain(`cannot accept what ${bridge} forwards: iptables takes that name for a pattern`);
      const asked = pods.status();
      succeeded(asked);
      expect(asked.stderr).toContain('Give the bridge a name');
      expect(saved(node.ns, 'legacy', 4)).toEqual([]);
    },
  );

  test.each(['policy drop;', 'policy accept; reject'])('a table of somebody else that drops is named: %s', (rules) => {
    using node = createNode({ outside: true });
    const chain = 'chain filter_FORWARD { type filter hook forward priority 10; ';
    exec(node.ns, ['nft', '-f', '-'], { stdin: `table inet other {\n ${chain} ${rules}\n }\n }\n` });
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const message = 'what cni0 forwards is dropped by the chain filter_FORWARD of the nftables table inet other';
    const command = 'nft insert rule inet other filter_FORWARD iifname cni0 accept';
    const warning = new RegExp(`^trestle: warn: ${message}\\. .*"${command}".*\\n$`);
    const added = pods.add(container);
    succeeded(added);
    expect(added.stderr).toMatch(warning);
    expect(reaches(container.ns, false, 1)).toEqual([false, false]);
    const advice = expect.stringContaining(command);
    expect(failed(pods.check(container))).toMatchObject({ code: 105, msg: message, details: advice });
    const asked = pods.status();
    expect([succeeded(asked).cniVersion, asked.stdout]).toEqual(['', '']);
    expect(asked.stderr).toMatch(warning);
    const strict = runtime(node, artifact, network(node, { status: 'strict' }));
    expect(failed(strict.status())).toMatchObject({ code: 51, msg: message, details: advice });
    for (const match of ['iifname', 'oifname'])
      exec(node.ns, ['nft', 'insert', 'rule', 'inet', 'other', 'filter_FORWARD', match, 'cni0', 'accept']);
    expect(reaches(container.ns, false)).toEqual([true, true]);
    succeeded(pods.check(container));
    for (const quiet of [pods.status(), strict.status(), pods.add(node.container())]) {
      succeeded(quiet);
      expect(quiet.stderr).toBe('');
    }
    succeeded(runtime(node, artifact, network(node, { forward: 'off', status: 'strict' })).status());
  });

  test('a table of the older iptables that somebody changes while it is read is read again', () => {
    using node = droppingNode('legacy', false);
    const changed = traced(node, artifact, '-e trace=getsockopt -e inject=getsockopt:error=EAGAIN:when=2');
    succeeded(runtime(node, changed.artifact, network(node)).add(node.container()));
    expect(changed.lines().join('\n')).toContain('EAGAIN');
    expect(sorted(mine(node.ns, 'legacy'))).toEqual(accepted());
  });

  test('a list of tables that may not be read, as in a user namespace, is no obstacle', () => {
    using node = createNode();
    const lists = ['ip_tables_names', 'ip6_tables_names'].map((name) => `-P /proc/net/${name}`).join(' ');
    const denied = traced(node, artifact, `${lists} -e trace=open,openat -e inject=open,openat:error=EACCES`);
    const pods = runtime(node, denied.artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    expect(denied.lines().filter((line) => line.includes('EACCES'))).toHaveLength(2);
    succeeded(pods.check(container));
    succeeded(pods.del(container));
  });

  test('"forward" must be "auto", "open" or "off"', () => {
    using node = createNode();
    const error = failed(runtime(node, artifact, network(node, { forward: 'on' })).add(node.container()));
    expect(error).toMatchObject({ code: 7, msg: expect.stringContaining('forward: the string "on" is not known') });
  });

  test('a network that is no gateway has it where it is asked for', () => {
    using node = droppingNode('nft', false);
    const plain = { isDefaultGateway: false, ipMasq: false };
    const [one, two, three] = [node.container(), node.container(), node.container()];
    succeeded(runtime(node, artifact, network(node, plain)).add(one));
    succeeded(runtime(node, artifact, network(node, plain)).add(two));
    expect(ping(one.ns, V4.second, { timeout: 1 })).toBe(false);
    succeeded(runtime(node, artifact, network(node, { ...plain, forward: 'auto' })).add(three));
    expect(ping(one.ns, V4.second)).toBe(true);
  });
});

/** The programs of iptables that an ADD starts. */
function programsOfAdd(node: ScratchNode, artifact: Artifact): string[] {
  const trace = traced(node, artifact, '-e trace=execve -e status=successful');
  succeeded(runtime(node, trace.artifact, network(node)).add(node.container()));
  return trace.lines().filter((line) => /execve\("[^"]*tables-\w+/.test(line));
}
