/** Masquerading that the reference bridge made, by whatever means, goes when this plugin deletes the container. */

import { expect, test } from 'bun:test';
import { type Config, e2e, ipam, loseNamespace, network, V4, V6 } from '../e2e/support/network.ts';
import { traced } from '../e2e/support/strace.ts';
import { type Artifact, reference } from '../support/artifacts.ts';
import { succeeded } from '../support/cni.ts';
import { goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { type Flavour, savedRules, withFlavour } from '../support/iptables.ts';
import type { Netns } from '../support/netns.ts';
import { nftRules } from '../support/nft.ts';
import { createNode } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { runtime } from '../support/runtime.ts';

interface Maker {
  readonly name: string;
  readonly missing?: string | undefined;
  readonly plugin: Artifact;
  readonly extra: Config;
  /** Every masquerading rule. */
  rules(ns: Netns): string[];
}

const FAMILIES = [4, 6] as const;
const byIptables = (flavour: Flavour) => ({
  rules: (ns: Netns) => FAMILIES.flatMap((family) => savedRules(ns, flavour, family, 'nat')),
});
const current: Artifact = { ...reference('bridge'), path: goProgram('plugins', 'bridge') };
const missing = whyNoGoModule('plugins');

const MAKERS: Maker[] = [
  { name: '1.1.1, iptables-nft', plugin: withFlavour(reference('bridge'), 'nft'), extra: {}, ...byIptables('nft') },
  {
    name: '1.1.1, iptables-legacy',
    plugin: withFlavour(reference('bridge'), 'legacy'),
    extra: {},
    ...byIptables('legacy'),
  },
  {
    name: '1.9, iptables',
    missing,
    plugin: withFlavour(current, 'nft'),
    extra: { ipMasqBackend: 'iptables' },
    ...byIptables('nft'),
  },
  {
    name: '1.9, nftables',
    missing,
    plugin: current,
    extra: { ipMasqBackend: 'nftables' },
    rules: (ns) =>
      nftRules(ns, 'cni_plugins_masquerade').filter(
        (rule) => rule.includes('masq_checks"') && rule.includes('comment'),
      ),
  },
];

e2e('what the reference bridge masquerades', (artifact) => {
  for (const { name, missing: reason, plugin, extra, rules } of MAKERS)
    describeUnless(reason, name, () => {
      const configOf = (node: { dataDir: string }, more: Config = {}) =>
        network(node, {
          ...{ type: 'bridge', cniVersion: '1.0.0', ...extra },
          ipam: ipam(node, [V4.subnet, V6.subnet], { type: 'host-local' }),
          ...more,
        });

      test.each(['with its namespace', 'without its namespace'])('goes with DEL, %s, and nobody else’s', (how) => {
        using node = createNode();
        const theirs = runtime(node, plugin, configOf(node));
        const ours = runtime(node, artifact, configOf(node));
        const [container, other] = [node.container(), node.container()];
        succeeded(theirs.add(other));
        const before = rules(node.ns);
        expect(before.length).toBeGreaterThan(0);
        succeeded(theirs.add(container));
        expect(rules(node.ns).length).toBe(2 * before.length);
        if (how.startsWith('without')) {
          loseNamespace(node, container);
          succeeded(ours.del(container, { env: { CNI_NETNS: '' } }));
        } else succeeded(ours.del(container));
        expect(rules(node.ns)).toEqual(before);
        succeeded(ours.del(container));
        expect(rules(node.ns)).toEqual(before);
        succeeded(ours.del(other));
        expect(rules(node.ns)).toEqual([]);
      });

      test('goes with GC where it is not valid, and stays where it is', () => {
        using node = createNode();
        const theirs = runtime(node, plugin, configOf(node));
        const ours = runtime(node, artifact, configOf(node, { cniVersion: '1.1.0' }));
        const [container, other] = [node.container(), node.container()];
        succeeded(theirs.add(other));
        const before = rules(node.ns);
        succeeded(theirs.add(container));
        succeeded(ours.gc([{ containerID: other.id, ifname: 'eth0' }]));
        expect(rules(node.ns)).toEqual(before);
        succeeded(ours.gc([]));
        expect(rules(node.ns)).toEqual([]);
      });

      test('is not looked for where there is a record of ours', () => {
        using node = createNode();
        const container = node.container();
        succeeded(runtime(node, plugin, configOf(node)).add(node.container()));
        const ours = configOf(node, { ipMasqBackend: 'nftables' });
        succeeded(runtime(node, artifact, ours).add(container));
        const trace = traced(node, artifact, '-e trace=execve -e status=successful');
        succeeded(runtime(node, trace.artifact, ours).del(container));
        expect(trace.lines().filter((line) => /tables-\w+"/.test(line))).toEqual([]);
      });
    });
});
