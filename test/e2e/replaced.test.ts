/** Attachments that died without a DEL: whoever takes their place, or their address, removes all that they have left. */

import { expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Artifact, executable, REFERENCE_DIRECTORY } from '../support/artifacts.ts';
import { failed, type Outcome, succeeded } from '../support/cni.ts';
import { FLAVOURS, iptables, savedRules, withFlavour } from '../support/iptables.ts';
import { links } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { nftElements } from '../support/nft.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { patient } from '../support/patience.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { run } from '../support/process.ts';
import { type CallOptions, type Runtime, runtime } from '../support/runtime.ts';
import { inhabited } from './support/inhabited.ts';
import { installed } from './support/installed.ts';
import { withMounts } from './support/mounts.ts';
import { type Config, e2e, eventually, ipam, loseNamespace, network, V4 } from './support/network.ts';
import { traced } from './support/strace.ts';

const LAST = { subnet: V4.subnet, rangeStart: V4.first, rangeEnd: V4.first };

/** The same container, started anew: another namespace at the same path. `ns.delete` would wait for nothing, either. */
function restart({ ns }: Container): void {
  run(['ip', 'netns', 'delete', ns.name]);
  run(['ip', 'netns', 'add', ns.name]);
}

interface Kind {
  readonly what: string;
  readonly plugin?: (artifact: Artifact) => Artifact;
  config(node: ScratchNode): Config;
  readonly options?: CallOptions;
}

const KINDS: readonly Kind[] = [
  { what: 'masqueraded through nftables', config: network },
  ...FLAVOURS.map(
    (flavour): Kind => ({
      what: `masqueraded through iptables (${flavour})`,
      plugin: (artifact) => withFlavour(artifact, flavour),
      config: (node) => network(node, { ipMasqBackend: 'iptables' }),
    }),
  ),
  { what: 'held to its MAC', config: (node) => network(node, { macspoofchk: true, ipMasq: false }) },
  {
    what: 'with addresses from another plugin',
    config: (node) => {
      const section = { type: 'static', dataDir: node.dataDir, addresses: [{ address: '10.95.0.9/24' }] };
      return network(node, { cniVersion: '1.0.0', macspoofchk: true, ipam: section });
    },
    options: { path: REFERENCE_DIRECTORY },
  },
  {
    what: 'on layer 2',
    config: ({ dataDir }) => ({ ...LAYER2, macspoofchk: true, ipam: { dataDir } }),
  },
];

const LAYER2 = { cniVersion: '1.1.0', name: 'pods', type: 'trestle', bridge: 'cni0' };

/** All that names the container. Rules of both flavours of iptables, nftables' elements, links, files. */
function tracesOf(node: ScratchNode): unknown {
  const rules = FLAVOURS.flatMap((flavour) =>
    ([4, 6] as const).flatMap((family) =>
      (['nat', 'filter'] as const).flatMap((table) => savedRules(node.ns, flavour, family, table)),
    ),
  );
  const { links: names, files, elements } = leftovers(node);
  return { rules, names, files, elements };
}

e2e('a container that is added again, in another namespace at the same path, without a DEL', (artifact) => {
  test.each(KINDS)('leaves nothing of its first life: $what', ({ plugin, config, options }) => {
    using node = createNode();
    const pods = runtime(node, plugin?.(artifact) ?? artifact, config(node));
    const container = node.container();
    // Which of the rules belongs to the network and which flavours' tables are there is settled by a first container.
    succeeded(pods.add(container, options));
    succeeded(pods.del(container, options));
    const before = tracesOf(node);
    succeeded(pods.add(container, options));
    loseNamespace(node, container);
    run(['ip', 'netns', 'add', container.ns.name]);
    succeeded(pods.add(container, options));
    succeeded(pods.check(container, options));
    succeeded(pods.del(container, options));
    expect(tracesOf(node)).toEqual(before);
  });

  test('is added at once, however long the kernel takes to remove the old interface: 12 times', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    const before = tracesOf(node);
    succeeded(pods.add(container));
    for (let times = 0; times < 12; times++) {
      restart(container);
      succeeded(pods.add(container));
    }
    succeeded(pods.check(container));
    expect(nftElements(node.ns)).toHaveLength(2);
    succeeded(pods.del(container));
    expect(tracesOf(node)).toEqual(before);
  });

  test.each(KINDS)('is added at once: $what', ({ plugin, config, options }) => {
    using node = createNode();
    const pods = runtime(node, plugin?.(artifact) ?? artifact, config(node));
    const container = node.container();
    succeeded(pods.add(container, options));
    for (let times = 0; times < 3; times++) {
      restart(container);
      succeeded(pods.add(container, options));
    }
    succeeded(pods.check(container, options));
    succeeded(pods.del(container, options));
    const { links: names, elements, files } = leftovers(node);
    expect([names, elements, files]).toEqual([['lo'], [], {}]);
  });

  test('is refused as long as its old namespace is in use', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    {
      using _ = inhabited(container);
      restart(container);
      expect(failed(pods.add(container)).code).toBe(102);
      expect(leftovers(node).links).toHaveLength(2);
    }
    eventually(() => succeeded(pods.add(container)));
  });

  test('is refused where its masquerading cannot be removed, which says why and keeps the lease', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { ipMasqBackend: 'iptables' }));
    const container = node.container();
    succeeded(pods.add(container));
    const { files } = leftovers(node);
    loseNamespace(node, container);
    run(['ip', 'netns', 'add', container.ns.name]);
    const crippled = runtime(node, withoutIptables(node, artifact), network(node));
    eventually(() => {
      const { code, msg, details } = failed(crippled.add(container));
      expect([code, msg]).toEqual([
        2,
        expect.stringMatching(/^cannot remove what container \S+ interface eth0 has on the node: cannot run iptables/),
      ]);
      expect(details).toMatch(/^Its addresses stay leased until that is gone\. Install the package "iptables"/);
    });
    expect(leftovers(node).files).toEqual(files);
    succeeded(pods.add(container));
    succeeded(pods.del(container));
    expect(savedRules(node.ns, 'nft', 4, 'nat')).toEqual([]);
  });
});

/** Ways in which another call finds a dead container. */
const FINDERS: readonly { what: string; call(pods: Runtime, node: ScratchNode): Outcome }[] = [
  { what: 'ADD of another one, which gets its address', call: (pods, node) => pods.add(node.container()) },
  { what: 'STATUS', call: (pods) => pods.status() },
  { what: 'GC without a list', call: (pods) => pods.gc() },
  { what: 'GC with an empty list', call: (pods) => pods.gc([]) },
  {
    what: 'the first call after a boot',
    call: (pods, node) => {
      reboot(node);
      return pods.add(node.container());
    },
  },
];

e2e('a container that is gone without a DEL', (artifact) => {
  for (const { what, call } of FINDERS) {
    test.each(FLAVOURS)(`${what}: all of it goes, through nftables and iptables (%s)`, (flavour) => {
      using node = createNode();
      iptables(node.ns, flavour, '-P', 'FORWARD', 'DROP');
      const found = withFlavour(artifact, flavour);
      const one = { ipam: ipam(node, [LAST]), macspoofchk: true };
      for (const backend of ['nftables', 'iptables']) {
        const pods = runtime(node, found, network(node, { ...one, ipMasqBackend: backend }));
        const container = node.container();
        const before = tracesOf(node);
        succeeded(pods.add(container));
        loseNamespace(node, container);
        eventually(() => {
          succeeded(call(pods, node));
          expect(JSON.stringify(tracesOf(node))).not.toContain(container.id);
        });
        for (const next of node.containers) succeeded(pods.del(next));
        expect(tracesOf(node)).toEqual(before);
      }
    });
  }

  test('whose masquerading cannot be removed keeps its address, and the error of the full range says so', () => {
    using node = createNode();
    const config = (backend: string) => network(node, { ipam: ipam(node, [LAST]), ipMasqBackend: backend });
    const container = node.container();
    succeeded(runtime(node, artifact, config('iptables')).add(container));
    loseNamespace(node, container);
    const crippled = runtime(node, withoutIptables(node, artifact), config('nftables'));
    eventually(() => {
      const outcome = crippled.add(node.container());
      expect(failed(outcome).details).toMatch(
        /^1 dead attachments are kept: cannot remove what container \S+ interface eth0 has on the node: cannot run iptables/,
      );
      expect(outcome.stderr).toContain('warn: cannot remove what container');
    });
    const collected = failed(crippled.gc());
    expect(collected.msg).toMatch(/^cannot remove all garbage, 1 of 1 failed: cannot remove what container/);
    expect(leftovers(node).files).toHaveProperty([`pods/${V4.first}`]);
    eventually(() => succeeded(runtime(node, artifact, config('nftables')).add(node.container())));
    expect(savedRules(node.ns, 'nft', 4, 'nat')).toEqual([]);
  });

  test('needs no iptables where its rules are gone', () => {
    using node = createNode();
    const config = (backend: string) => network(node, { ipam: ipam(node, [LAST]), ipMasqBackend: backend });
    const container = node.container();
    succeeded(runtime(node, artifact, config('iptables')).add(container));
    loseNamespace(node, container);
    for (const action of ['-F', '-X']) iptables(node.ns, 'nft', '-t', 'nat', action);
    const crippled = runtime(node, withoutIptables(node, artifact), config('nftables'));
    eventually(() => succeeded(crippled.add(node.container())));
  });

  test('is found by the IPAM plugin as well, by itself, on the same network', () => {
    using node = createNode();
    const container = node.container();
    succeeded(runtime(node, artifact, network(node, { ipam: ipam(node, [LAST]) })).add(container));
    const alone = { type: 'bridge', ipam: ipam(node, [LAST]) };
    const plugin = runtime(node, installed(node, artifact, 'trestle-ipam'), network(node, alone));
    const next = node.container();
    expect(failed(plugin.add(next)).code).toBe(103);
    loseNamespace(node, container);
    eventually(() => succeeded(plugin.add(next)));
    const { links: names, elements } = leftovers(node);
    expect([names, elements]).toEqual([['lo'], []]);
  });
});

/** How often the plugin sends to the kernel when it takes away two dead containers. */
async function sendsOf(act: Reclaiming, artifact: Artifact): Promise<number> {
  using node = createNode();
  const { config } = twoDead(node, artifact);
  const watched = traced(node, artifact, '-e trace=sendto,sendmsg');
  await act(runtime(node, watched.artifact, config), node);
  return watched.lines().filter((line) => /\bsend(to|msg)\(/.test(line)).length;
}

type Reclaiming = (pods: Runtime, node: ScratchNode) => Promise<Outcome>;

/** A network of two addresses, whose holders are dead. */
function twoDead(node: ScratchNode, artifact: Artifact): { config: Config; pods: Runtime } {
  const range = { subnet: V4.subnet, rangeStart: V4.first, rangeEnd: V4.second };
  const config = network(node, { ipam: ipam(node, [range]) });
  const pods = runtime(node, artifact, config);
  const containers = [node.container(), node.container()];
  for (const container of containers) succeeded(pods.add(container));
  for (const container of containers) loseNamespace(node, container);
  return { config, pods };
}

/** Long enough for an ADD from beginning to end. */
const PAUSE_MS = patient(100);

describeOnKernel('an address of a dead container that another call is reclaiming', () => {
  test.each<[string, Reclaiming]>([
    ['ADD', (pods, node) => pods.addAsync(node.container())],
    ['GC', (pods) => pods.gcAsync()],
  ])('is masqueraded for who gets it, whichever message of that %s its own ADD falls on', async (_, act) => {
    const sends = await sendsOf(act, executable);
    expect(sends).toBeGreaterThan(3);
    const lost: number[] = [];
    for (let at = 1; at <= sends; at++) {
      using node = createNode();
      const { config, pods } = twoDead(node, executable);
      const pause = `-e trace=sendto,sendmsg -e inject=sendto,sendmsg:delay_enter=${PAUSE_MS * 1000}:when=${at}`;
      const slowly = act(runtime(node, traced(node, executable, pause).artifact, config), node);
      await Bun.sleep(PAUSE_MS / 2);
      const container = node.container();
      const [quick] = await Promise.all([pods.addAsync(container), slowly]);
      if (quick.status !== 0) continue;
      const [ip] = succeeded(quick).ips ?? [];
      const held = nftElements(node.ns).filter(({ value }) => `${value}/24` === ip?.address);
      if (!held.some(({ comment = '' }) => comment.includes(container.id))) lost.push(at);
    }
    expect(lost).toEqual([]);
  });
});

e2e('what lives', (artifact) => {
  test('keeps lease, interface and masquerading where the boot ID is another one', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    reboot(node);
    const before = links(node.ns).map(({ ifname }) => ifname);
    succeeded(pods.status());
    succeeded(pods.gc());
    succeeded(pods.check(container));
    expect(links(node.ns).map(({ ifname }) => ifname)).toEqual(before);
    succeeded(pods.add(node.container()));
    expect(nftElements(node.ns)).toHaveLength(4);
  });
});

/** As if all records, and the last look at them, were of an earlier boot. */
function reboot({ dataDir }: ScratchNode): void {
  const own = join(dataDir, '.trestle/pods');
  writeFileSync(join(own, 'boot'), 'earlier\n');
  for (const name of readdirSync(own).filter((one) => one.includes(':'))) {
    const record = JSON.parse(readFileSync(join(own, name), 'utf8'));
    writeFileSync(join(own, name), JSON.stringify({ ...record, bootId: 'earlier' }));
  }
}

function withoutIptables(node: ScratchNode, artifact: Artifact): Artifact {
  const programs = ['xtables-nft-multi', 'xtables-legacy-multi'];
  return withMounts(
    node,
    artifact,
    programs.map((name) => `mount --bind /dev/null /usr/sbin/${name}`),
  );
}
