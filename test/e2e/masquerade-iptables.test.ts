/** Masquerading through iptables, in both its flavours: the same as through nftables, by other means. */

import { describe, expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { FLAVOURS, type Flavour, iptables, savedRules, withFlavour } from '../support/iptables.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec, type Netns } from '../support/netns.ts';
import { nftElements } from '../support/nft.ts';
import { type Container, createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { seenFrom, sourceServer } from '../support/traffic.ts';
import { withMounts } from './support/mounts.ts';
import { type Config, e2e, ipam, network, V4, V6 } from './support/network.ts';
import { traced } from './support/strace.ts';
import { wrapped } from './support/wrapped.ts';

const FAMILIES = [4, 6] as const;
const BY_IPTABLES: Config = { ipMasqBackend: 'iptables' };

/** A group of tests for each flavour, with an artifact that finds that flavour first. */
function eachFlavour(artifact: Artifact, body: (flavour: Flavour, found: Artifact) => void): void {
  for (const flavour of FLAVOURS) describe(flavour, () => body(flavour, withFlavour(artifact, flavour)));
}

/** Without the mark of the data directory, which every node of a test has another of. */
const natOf = (ns: Netns, flavour: Flavour, family: 4 | 6) =>
  savedRules(ns, flavour, family, 'nat').map((rule) => rule.replace(/"pods@[0-9a-f]{8}\//, '"pods/'));
const rulesOf = (ns: Netns, flavour: Flavour) => FAMILIES.flatMap((family) => natOf(ns, flavour, family));
/** The comments of the addresses' rules, of both families. */
const ownersOf = (ns: Netns, flavour: Flavour) =>
  rulesOf(ns, flavour)
    .flatMap((rule) => /--comment "(pods\/[^"]*)"/.exec(rule)?.[1] ?? [])
    .sort();
const withoutHash = (rules: readonly string[]) => rules.map((rule) => rule.replace(/TRESTLE-[0-9a-f]{16}/, 'CHAIN'));

e2e('masquerading through iptables', (artifact) => {
  eachFlavour(artifact, (flavour, found) => {
    test('shows the outside the address of the node, to the end of the network', async () => {
      using node = createNode({ outside: true });
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const container = node.container();
      const before = leftovers(node);
      succeeded(pods.add(container));
      expect(nftElements(node.ns)).toEqual([]);
      const owner = `pods/${container.id}/eth0`;
      expect(withoutHash(natOf(node.ns, flavour, 4))).toEqual([
        ':CHAIN -',
        `-A POSTROUTING -s ${V4.subnet} ! -d ${V4.subnet} -m comment --comment "trestle pods" -j CHAIN`,
        `-A CHAIN -s ${V4.first}/32 ! -d 224.0.0.0/4 -m comment --comment "${owner}" -j MASQUERADE`,
      ]);
      using server = await sourceServer(node.outside);
      for (const family of FAMILIES) {
        const target = { address: OUTSIDE_ADDRESS[family], port: server.port };
        expect(seenFrom(container.ns, target)).toBe(NODE_ADDRESS[family]);
      }
      succeeded(pods.check(container));
      succeeded(pods.del(container));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
      expect(leftovers(node)).toEqual(before);
      succeeded(pods.del(container));
    });

    test('costs one rule an address; the chain is the network’s, and goes with the last of them', () => {
      using node = createNode();
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const [one, two] = [node.container(), node.container()];
      for (const container of [one, two]) succeeded(pods.add(container));
      const jumps = rulesOf(node.ns, flavour).filter((rule) => rule.startsWith('-A POSTROUTING'));
      expect(jumps).toHaveLength(2);
      succeeded(pods.del(one));
      expect(rulesOf(node.ns, flavour).filter((rule) => rule.includes(one.id))).toEqual([]);
      expect(rulesOf(node.ns, flavour).filter((rule) => rule.includes(two.id))).toHaveLength(2);
      succeeded(pods.check(two));
      succeeded(pods.del(two));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test('of many at once leaves nothing out and nothing behind', async () => {
      using node = createNode();
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const containers = Array.from({ length: 6 }, () => node.container());
      for (const outcome of await Promise.all(containers.map((one) => pods.addAsync(one)))) succeeded(outcome);
      expect(rulesOf(node.ns, flavour)).toHaveLength(2 * (2 + containers.length));
      for (const one of containers) succeeded(pods.check(one));
      for (const outcome of await Promise.all(containers.map((one) => pods.delAsync(one)))) succeeded(outcome);
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test.each([
      [
        'the rule of the address',
        (ns: Netns) => flush(ns, flavour),
        /10\.89\.0\.2 is not masqueraded.*has no rule for it/,
      ],
      [
        'the way to it',
        (ns: Netns) => iptables(ns, flavour, '-t', 'nat', '-F', 'POSTROUTING'),
        /10\.89\.0\.2 is not masqueraded.*no rule of POSTROUTING leads to TRESTLE-/,
      ],
      [
        'everything',
        (ns: Netns) => {
          iptables(ns, flavour, '-t', 'nat', '-F');
          iptables(ns, flavour, '-t', 'nat', '-X');
        },
        /10\.89\.0\.2 is not masqueraded.*has no rule for it/,
      ],
    ])('undone by hand is told by CHECK, and DEL does not mind: %s', (_, undo, message) => {
      using node = createNode();
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const container = node.container();
      succeeded(pods.add(container));
      undo(node.ns);
      const error = failed(pods.check(container));
      expect(error).toMatchObject({ code: 105, msg: expect.stringMatching(message) });
      succeeded(pods.del(container));
    });

    test.each([
      ['all rules of nat', ['-F']],
      ['all rules and chains of nat', ['-F', '-X']],
      ['the way to the chains', ['-F POSTROUTING']],
    ])('flushed by somebody comes back with the next ADD, for all: %s', async (_, flushes) => {
      using node = createNode({ outside: true });
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const live = [node.container(), node.container()] as const;
      const [deleted, next] = [node.container(), node.container()];
      for (const container of [...live, deleted]) succeeded(pods.add(container));
      for (const words of flushes) iptables(node.ns, flavour, '-t', 'nat', ...words.split(' '));
      succeeded(pods.del(deleted));
      expect(failed(pods.check(live[0]))).toMatchObject({
        code: 105,
        details: expect.stringContaining('the next ADD on this network restores'),
      });
      succeeded(pods.add(next));
      for (const container of [...live, next]) succeeded(pods.check(container));
      expect(ownersOf(node.ns, flavour)).toEqual(
        [...live, next].flatMap(({ id }) => [`pods/${id}/eth0`, `pods/${id}/eth0`]).sort(),
      );
      using server = await sourceServer(node.outside);
      for (const family of FAMILIES) {
        const target = { address: OUTSIDE_ADDRESS[family], port: server.port };
        for (const { ns } of [...live, next]) expect(seenFrom(ns, target)).toBe(NODE_ADDRESS[family]);
      }
      for (const container of [...live, next]) succeeded(pods.del(container));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test('of one address, deleted by hand, is told by STATUS and put back by the next ADD', () => {
      using node = createNode();
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const [first, second, next] = [node.container(), node.container(), node.container()];
      for (const container of [first, second]) succeeded(pods.add(container));
      expect(pods.status()).toMatchObject({ status: 0, stderr: '' });
      for (const family of FAMILIES) {
        const rule = savedRules(node.ns, flavour, family, 'nat').find((one) => one.includes(first.id)) as string;
        const words = rule.replace(/^-A /, '-D ').replaceAll('"', '').split(' ');
        exec(node.ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}`, '-t', 'nat', ...words]);
      }
      expect(failed(pods.check(first)).code).toBe(105);
      expect(pods.status()).toMatchObject({
        status: 0,
        stderr: expect.stringMatching(/10\.89\.0\.2 is not masqueraded: expected in iptables/),
      });
      succeeded(pods.add(next));
      for (const container of [first, second, next]) succeeded(pods.check(container));
      expect(pods.status()).toMatchObject({ status: 0, stderr: '' });
      for (const container of [first, second, next]) succeeded(pods.del(container));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test('flushed while many are added comes back once for each', async () => {
      using node = createNode();
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const live = Array.from({ length: 3 }, () => node.container());
      for (const container of live) succeeded(pods.add(container));
      for (const words of [['-F'], ['-F', 'POSTROUTING']]) {
        iptables(node.ns, flavour, '-t', 'nat', ...words);
        const next = Array.from({ length: 4 }, () => node.container());
        for (const outcome of await Promise.all(next.map((container) => pods.addAsync(container)))) succeeded(outcome);
        live.push(...next);
        for (const container of live) succeeded(pods.check(container));
        expect(ownersOf(node.ns, flavour)).toEqual(
          live.flatMap(({ id }) => [`pods/${id}/eth0`, `pods/${id}/eth0`]).sort(),
        );
      }
      for (const outcome of await Promise.all(live.map((one) => pods.delAsync(one)))) succeeded(outcome);
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test('flushed comes back for another subnet of the network too', () => {
      using node = createNode();
      const [one, two, three] = [node.container(), node.container(), node.container()];
      const from = (subnet: string) =>
        runtime(node, found, network(node, { ...BY_IPTABLES, isDefaultGateway: false, ipam: ipam(node, [subnet]) }));
      const [older, newer] = [from('10.91.0.0/24'), from('10.92.0.0/24')];
      succeeded(older.add(one));
      succeeded(newer.add(two));
      const whole = rulesOf(node.ns, flavour).sort();
      iptables(node.ns, flavour, '-t', 'nat', '-F');
      succeeded(newer.add(three));
      succeeded(older.check(one));
      succeeded(newer.check(two));
      succeeded(newer.del(three));
      expect(rulesOf(node.ns, flavour).sort()).toEqual(whole);
    });

    test.each(['-j', 'a"b', '--help', "it's", '`id`', '$(id)'])(
      'takes an interface called %s for no more than a name',
      (ifName) => {
        using node = createNode();
        const pods = runtime(node, found, network(node, BY_IPTABLES));
        const container = node.container();
        succeeded(pods.add(container, { ifName }));
        // nft has no way to write a quotation mark: a hash stands for what contains one.
        const owner = ifName.includes('"')
          ? '#[0-9a-f]{16}'
          : `${container.id}/${literal(ifName.replace(/'/g, '\\$&'))}`;
        expect(natOf(node.ns, flavour, 4).join('\n')).toMatch(new RegExp(`--comment "pods/${owner}" -j MASQUERADE`));
        succeeded(pods.check(container, { ifName }));
        succeeded(pods.del(container, { ifName }));
        expect(rulesOf(node.ns, flavour)).toEqual([]);
      },
    );

    test('is collected by GC, with and without records; what is valid stays', () => {
      using node = createNode();
      const pods = runtime(node, found, network(node, BY_IPTABLES));
      const [live, gone, lost] = [node.container(), node.container(), node.container()];
      for (const container of [live, gone]) succeeded(pods.add(container));
      const expected = rulesOf(node.ns, flavour).filter((rule) => !rule.includes(gone.id));
      succeeded(pods.add(lost));
      loseRecord(node, lost);
      succeeded(pods.gc([{ containerID: live.id, ifname: 'eth0' }]));
      expect(rulesOf(node.ns, flavour)).toEqual(expected);
      succeeded(pods.check(live));
      succeeded(pods.gc([]));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test('whose record is lost is found by DEL', () => {
      using node = createNode();
      const container = node.container();
      succeeded(runtime(node, found, network(node, BY_IPTABLES)).add(container));
      loseRecord(node, container);
      succeeded(runtime(node, found, network(node)).del(container));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
    });

    test('goes although the configuration says something else by now', () => {
      using node = createNode();
      const [one, two] = [node.container(), node.container()];
      const byIptables = runtime(node, found, network(node, BY_IPTABLES));
      const byNftables = runtime(node, found, network(node, { ipMasqBackend: 'nftables' }));
      succeeded(byIptables.add(one));
      succeeded(byNftables.add(two));
      succeeded(byNftables.del(one));
      succeeded(byIptables.del(two));
      expect(rulesOf(node.ns, flavour)).toEqual([]);
      expect(nftElements(node.ns)).toEqual([]);
    });

    test('starts one process a family, and none where the network does not ask for it', () => {
      using node = createNode();
      const pods = network(node, BY_IPTABLES);
      succeeded(runtime(node, found, pods).add(node.container()));
      const trace = traced(node, found, '-e trace=execve -e status=successful');
      const started = () => trace.lines().filter((line) => /execve\("[^"]*tables-\w+"/.test(line));
      succeeded(runtime(node, trace.artifact, pods).add(node.container()));
      expect(started()).toHaveLength(2);
      expect(started().every((line) => line.includes('"--noflush", "-w", "10"'))).toBe(true);
      succeeded(runtime(node, trace.artifact, network(node)).add(node.container()));
      expect(started()).toEqual([]);
    });
  });
});

/** A kernel without nf_tables, as far as the plugin can tell; iptables' older flavour does without. */
function withoutNftables(node: ScratchNode, artifact: Artifact): Artifact {
  const program = join(import.meta.dir, '../support/deny-netfilter.ts');
  return wrapped(node, withFlavour(artifact, 'legacy'), `exec "${process.execPath}" "${program}" "$PLUGIN"`);
}

e2e('where nftables is not in the kernel', (artifact) => {
  test('iptables is used, for all commands', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, withoutNftables(node, artifact), network(node));
    const prevResult = succeeded(pods.add(container));
    expect(rulesOf(node.ns, 'legacy')).toHaveLength(6);
    succeeded(pods.check(container, { prevResult }));
    iptables(node.ns, 'legacy', '-t', 'nat', '-F', 'POSTROUTING');
    expect(failed(pods.check(container, { prevResult })).code).toBe(105);
    succeeded(pods.status());
    succeeded(pods.del(container));
    expect(rulesOf(node.ns, 'legacy').filter((rule) => rule.includes(container.id))).toEqual([]);
  });

  test('what was made then goes, also when the kernel has it by now', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, withoutNftables(node, artifact), network(node)).add(container));
    succeeded(runtime(node, artifact, network(node)).del(container));
    expect(rulesOf(node.ns, 'legacy')).toEqual([]);
  });

  test('asking for it by name is an error that says so, and nothing is left', () => {
    using node = createNode();
    const before = leftovers(node);
    const asked = network(node, { ipMasqBackend: 'nftables' });
    const error = failed(runtime(node, withoutNftables(node, artifact), asked).add(node.container()));
    expect(error).toMatchObject({ code: 2, details: expect.stringContaining('Load the modules nf_tables') });
    expect(error.msg).toBe('cannot masquerade through nftables: the kernel has no nf_tables, or none that masquerades');
    expect(leftovers(node)).toEqual(before);
    expect(failed(runtime(node, withoutNftables(node, artifact), asked).status())).toMatchObject({ code: 50 });
  });
});

e2e('where iptables is not installed', (artifact) => {
  test('the error of ADD and of STATUS says what to install, and nothing is left', () => {
    using node = createNode();
    const hide = ['xtables-nft-multi', 'xtables-legacy-multi'].map(
      (name) => `mount --bind /dev/null /usr/sbin/${name}`,
    );
    const pods = runtime(node, withMounts(node, artifact, hide), network(node, BY_IPTABLES));
    const before = leftovers(node);
    const error = failed(pods.add(node.container()));
    expect(error.msg).toMatch(/^cannot run iptables-restore: it is in none of .*\/usr\/sbin/);
    expect(error).toMatchObject({ code: 2, details: expect.stringContaining('Install the package "iptables"') });
    expect(leftovers(node)).toEqual(before);
    expect(failed(pods.status())).toMatchObject({ code: 50, msg: expect.stringContaining('cannot run iptables-') });
    succeeded(runtime(node, artifact, network(node, BY_IPTABLES)).status());
  });
});

e2e('where iptables is broken', (artifact) => {
  test('DEL succeeds and says so; the address stays leased until GC has removed the rule', () => {
    using node = createNode();
    const script = join(node.directory, 'fails');
    const config = network(node, BY_IPTABLES);
    const pods = runtime(node, artifact, config);
    const [container, next] = [node.container(), node.container()];
    succeeded(pods.add(container));
    writeFileSync(script, '#!/bin/sh\necho "line 2 failed" >&2\nexit 1\n', { mode: 0o755 });
    const mounts = ['nft', 'legacy'].map((flavour) => `mount --bind ${script} /usr/sbin/xtables-${flavour}-multi`);
    const broken = runtime(node, withMounts(node, artifact, mounts), config);
    const { files } = leftovers(node);
    for (let times = 0; times < 2; times++) {
      const outcome = broken.del(container);
      succeeded(outcome);
      expect(outcome.stderr).toMatch(
        /^trestle: error: DEL: iptables-\S+ refused a change: line 2 failed\. Try "iptables-nft -t nat -S" .* The addresses stay leased until GC/,
      );
    }
    expect(leftovers(node).files).toEqual(files);
    const result = succeeded(pods.add(next));
    expect(result.ips?.map(({ address }) => address)).toEqual([`${V4.second}/24`, `${V6.second}/64`]);
    succeeded(pods.gc([{ containerID: next.id, ifname: 'eth0' }]));
    succeeded(pods.del(next));
    expect(FLAVOURS.flatMap((flavour) => rulesOf(node.ns, flavour))).toEqual([]);
    expect(Object.keys(leftovers(node).files).filter((file) => file.includes(container.id))).toEqual([]);
  });
});

function loseRecord(node: ScratchNode, { id }: Container): void {
  rmSync(join(node.dataDir, '.trestle', 'pods', `${id}:eth0`));
}

/** What a regular expression matches with this text alone. */
function literal(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}

/** Empties the network's chains. */
function flush(ns: Netns, flavour: Flavour): void {
  for (const family of FAMILIES)
    for (const line of savedRules(ns, flavour, family, 'nat').filter((one) => one.startsWith(':')))
      exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}`, '-t', 'nat', '-F', line.slice(1, -2)]);
}
