/** Attachments that 0.1.0 made are ours: every verb knows them by their records, whatever made their traces. */

import { describe, expect, test } from 'bun:test';
import type { Artifact } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { FLAVOURS, type Flavour, savedRules, withFlavour } from '../support/iptables.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { nftElements } from '../support/nft.ts';
import { createNode, NODE_ADDRESS, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { attachedBy010, type OldAttachment, type OldNode } from './support/attached-by-010.ts';
import { type Config, e2e, eventually, hostVeth, ipam, loseNamespace, network, V4, V6 } from './support/network.ts';

const FAMILIES = [4, 6] as const;

const NODES: readonly (OldNode & { readonly name: string })[] = [
  { name: 'masqueraded by nftables' },
  { name: 'masqueraded by nftables and guarded, where iptables (nft) drops', guarded: true, dropping: 'nft' },
  { name: 'masqueraded by nftables, where iptables (legacy) drops', dropping: 'legacy' },
  { name: 'masqueraded by iptables (nft) and guarded, which drops', guarded: true, backend: 'nft', dropping: 'nft' },
  { name: 'masqueraded by iptables (legacy), which drops', backend: 'legacy', dropping: 'legacy' },
];

interface Stage extends Disposable {
  readonly node: ScratchNode;
  readonly pods: Runtime;
  readonly first: OldAttachment;
  readonly second: OldAttachment;
}

/** A node that 0.1.0 has left, and a runtime that has our executable by now. */
function takenOver(artifact: Artifact, old: OldNode, ranges: (string | Config)[] = [V4.subnet, V6.subnet]): Stage {
  const node = createNode({ outside: true });
  const [first, second] = attachedBy010(node, old);
  const config = network(node, {
    ipam: ipam(node, ranges),
    ...(old.guarded ? { macspoofchk: true } : {}),
    ...(old.backend === undefined ? {} : { ipMasqBackend: 'iptables' }),
  });
  const flavour = old.backend ?? old.dropping;
  const pods = runtime(node, flavour === undefined ? artifact : withFlavour(artifact, flavour), config);
  return { node, pods, first, second, [Symbol.dispose]: () => node.delete() };
}

/** All in the packet filters that names the container. */
function tracesOf({ node }: Stage, { id }: OldAttachment): string[] {
  const owner = `pods/${id}/eth0`;
  const elements = nftElements(node.ns).filter(({ comment = '' }) => withoutDirectory(comment) === owner);
  const all = FLAVOURS.flatMap((flavour) => natRules(node, flavour)).map(withoutDirectory);
  const rules = all.filter((rule) => rule.includes(owner));
  return [...elements.map(({ set, value }) => `${set}: ${value}`), ...rules].sort();
}

/** 0.1.0 did not name the data directory. */
function withoutDirectory(owner: string): string {
  return owner.replace(/pods@[0-9a-f]{8}\//, 'pods/');
}

function natRules(node: ScratchNode, flavour: Flavour): string[] {
  return FAMILIES.flatMap((family) => savedRules(node.ns, flavour, family, 'nat'));
}

function accepts({ node }: Stage): string[] {
  const all = FLAVOURS.flatMap((flavour) =>
    FAMILIES.flatMap((family) => savedRules(node.ns, flavour, family, 'filter')),
  );
  return all.filter((rule) => rule.includes('TRESTLE-FWD'));
}

/** Rules and elements, host veth and leases of one attachment. */
const has = (stage: Stage, who: OldAttachment) => ({
  traces: tracesOf(stage, who),
  links: leftovers(stage.node).links.filter((name) => name === who.veth),
  files: Object.entries(leftovers(stage.node).files).filter(([path, text]) =>
    new RegExp(`\\b${who.id}\\b`).test(`${path} ${text}`),
  ),
});
const NOTHING = { traces: [], links: [], files: [] };

/** What the outside sees of the container, of both families. */
async function seenOutside({ node }: Stage, who: OldAttachment): Promise<(string | undefined)[]> {
  using server = await sourceServer(node.outside);
  return FAMILIES.map((family) => seenFrom(who.ns, { address: OUTSIDE_ADDRESS[family], port: server.port }));
}
const MASQUERADED = [NODE_ADDRESS[4], NODE_ADDRESS[6]];

const isDropping = ({ dropping }: OldNode) => dropping !== undefined;

e2e('an attachment of 0.1.0', (artifact) => {
  for (const old of NODES)
    describe(old.name, () => {
      test('is as the kernel of the tests has it from 0.1.0', async () => {
        using stage = takenOver(artifact, old);
        expect(await seenOutside(stage, stage.first)).toEqual(MASQUERADED);
        expect(ping(stage.first.ns, V4.second)).toBe(true);
        expect(has(stage, stage.first).traces).toHaveLength(old.guarded ? 4 : 2);
      });

      test('passes CHECK, once the accept is where it is now', () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first } = stage;
        const check = () => pods.check(first, { prevResult: first.result });
        // 0.1.0 let in what nobody had asked for.
        if (isDropping(old)) expect(failed(check()).msg).toContain('TRESTLE-FWD-cni0');
        else succeeded(check());
        succeeded(pods.add(node.container()));
        succeeded(check());
      });

      test('goes with DEL, and the other one stays', async () => {
        using stage = takenOver(artifact, old);
        const { pods, first, second } = stage;
        const other = has(stage, second);
        const options = { prevResult: first.result };
        succeeded(pods.del(first, options));
        expect(has(stage, first)).toEqual(NOTHING);
        expect(has(stage, second)).toEqual(other);
        expect(await seenOutside(stage, second)).toEqual(MASQUERADED);
        const after = leftovers(stage.node);
        succeeded(pods.del(first, options));
        expect(leftovers(stage.node)).toEqual(after);
      });

      test('goes with DEL as the last one, and what the bridge needed in iptables goes too', () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first, second } = stage;
        for (const who of [first, second]) succeeded(pods.del(who, { prevResult: who.result }));
        expect(leftovers(node)).toMatchObject({ links: ['eth0', 'lo'], files: {}, elements: [], nat: [] });
        for (const flavour of FLAVOURS) expect(natRules(node, flavour)).toEqual([]);
        expect(accepts(stage)).toEqual([]);
      });

      test('goes with DEL when its namespace is gone, prevResult or none', () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first, second } = stage;
        const other = has(stage, second);
        loseNamespace(node, { ...first, ns: first.ns });
        succeeded(pods.del({ id: first.id, netnsPath: '' }, { prevResult: null }));
        expect(has(stage, first)).toEqual(NOTHING);
        expect(has(stage, second)).toEqual(other);
      });

      test('goes with GC where it is not valid, and the valid one stays', async () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first, second } = stage;
        const other = has(stage, second);
        succeeded(pods.gc([{ containerID: second.id, ifname: 'eth0' }]));
        expect(has(stage, first)).toEqual(NOTHING);
        expect(has(stage, second)).toEqual(other);
        expect(await seenOutside(stage, second)).toEqual(MASQUERADED);
        succeeded(pods.gc([]));
        expect(leftovers(node)).toMatchObject({ links: ['eth0', 'lo'], files: {}, elements: [], nat: [] });
        for (const flavour of FLAVOURS) expect(natRules(node, flavour)).toEqual([]);
        expect(accepts(stage)).toEqual([]);
      });

      test('stays as it is beside another one of ours, also when that goes', async () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first, second } = stage;
        const before = [has(stage, first), has(stage, second)];
        const third = node.container();
        const { ips = [] } = succeeded(pods.add(third));
        expect(ips.map(({ address }) => address)).toEqual(['10.89.0.4/24', 'fd00:89::4/64']);
        expect([has(stage, first), has(stage, second)]).toEqual(before);
        expect(await seenOutside(stage, first)).toEqual(MASQUERADED);
        expect([ping(third.ns, V4.first), ping(third.ns, V6.first)]).toEqual([true, true]);
        succeeded(pods.check(third));
        succeeded(pods.del(third));
        expect([has(stage, first), has(stage, second)]).toEqual(before);
        expect(await seenOutside(stage, first)).toEqual(MASQUERADED);
      });

      test('that died gives its addresses away with all its traces when the range is full', () => {
        using stage = takenOver(artifact, old, [
          { subnet: V4.subnet, rangeEnd: V4.second },
          { subnet: V6.subnet, rangeEnd: V6.second },
        ]);
        const { node, pods, first, second } = stage;
        const other = has(stage, second);
        loseNamespace(node, first);
        const third = node.container();
        eventually(() => succeeded(pods.add(third)));
        expect(has(stage, first)).toEqual(NOTHING);
        expect(has(stage, second)).toEqual(other);
        expect(tracesOf(stage, { ...first, id: third.id })).toHaveLength(old.guarded ? 4 : 2);
      });

      test('that died is replaced by an ADD of the same, and nothing is left of it', () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first, second } = stage;
        const other = has(stage, second);
        loseNamespace(node, first);
        const again = { ...node.container(), id: first.id };
        eventually(() => succeeded(pods.add(again)));
        succeeded(pods.check(again));
        const traces = tracesOf(stage, first).join('\n');
        for (const address of ['10.89.0.4', 'fd00:89::4']) expect(traces).toContain(address);
        for (const address of Object.values(first.addresses))
          expect(traces).not.toMatch(new RegExp(`${address}( |/|$)`, 'm'));
        expect(hostVeth(node, again).ifname).toBe(first.veth);
        expect(has(stage, second)).toEqual(other);
      });

      test('gets back what a flush took, with the next ADD', async () => {
        using stage = takenOver(artifact, old);
        const { node, pods, first, second } = stage;
        const before = [tracesOf(stage, first), tracesOf(stage, second)];
        if (old.dropping === 'legacy' || old.backend === undefined) exec(node.ns, ['nft', 'flush', 'ruleset']);
        else for (const set of ['ports', 'macs']) exec(node.ns, ['nft', 'flush', 'set', 'bridge', 'trestle', set]);
        if (old.backend !== undefined)
          for (const program of ['iptables', 'ip6tables'])
            exec(node.ns, [`${program}-${old.backend}`, '-t', 'nat', '-F']);
        expect(tracesOf(stage, first)).toEqual([]);
        succeeded(pods.add(node.container()));
        expect([tracesOf(stage, first), tracesOf(stage, second)]).toEqual(before);
        expect(await seenOutside(stage, first)).toEqual(MASQUERADED);
        succeeded(pods.check(first, { prevResult: first.result }));
      });
    });
});
