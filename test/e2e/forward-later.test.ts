/** The accept for a bridge over its life: networks that share it, drops that come later, what STATUS says, iptables that is broken. */

import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failed, succeeded } from '../support/cni.ts';
import { iptables } from '../support/iptables.ts';
import { exec, ipBatch } from '../support/netns.ts';
import { createNode, NODE_ADDRESS } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { seenFrom, sourceServer } from '../support/traffic.ts';
import { accepted, droppingNode, eachFlavour, FAMILIES, mine, sorted } from './support/accepts.ts';
import { installDockerRules } from './support/docker.ts';
import { withMounts } from './support/mounts.ts';
import { e2e, ipam, network, V4, V6 } from './support/network.ts';
import { traced } from './support/strace.ts';

e2e('the accept for a bridge', (artifact) => {
  eachFlavour((flavour) => {
    test('"open" of one network opens no other on the bridge', async () => {
      using node = droppingNode(flavour, true);
      const [one, two] = [node.container(), node.container()];
      const subnets = ['10.90.0.0/24', 'fd00:90::/64'];
      FAMILIES.forEach((family, at) => {
        for (const subnet of [[V4.subnet, V6.subnet][at], subnets[at]])
          exec(node.outside, ['ip', 'route', 'add', subnet as string, 'via', NODE_ADDRESS[family]]);
      });
      const pods = runtime(node, artifact, network(node));
      succeeded(pods.add(one));
      // Its gateway is the administrator's: the bridge has one network's own.
      for (const gateway of ['10.90.0.1/24', 'fd00:90::1/64'])
        exec(node.ns, ['ip', 'address', 'add', gateway, 'dev', 'cni0', ...(gateway.includes(':') ? ['nodad'] : [])]);
      const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];
      const other = { name: 'other', isDefaultGateway: false, forward: 'open', ipam: ipam(node, subnets, { routes }) };
      const others = runtime(node, artifact, network(node, other));
      succeeded(others.add(two));
      using _ = await sourceServer(one.ns, 7777);
      using __ = await sourceServer(two.ns, 7777);
      const reached = (address: string) => seenFrom(node.outside, { address, port: 7777 }, 1) !== undefined;
      expect([V4.first, V6.first, '10.90.0.2', 'fd00:90::2'].map(reached)).toEqual([false, false, true, true]);
      succeeded(pods.check(one));
      succeeded(others.check(two));
    });

    test('a drop that comes later is told by STATUS, which warns, until the next ADD', () => {
      using node = createNode();
      const pods = runtime(node, artifact, network(node));
      succeeded(pods.add(node.container()));
      const quiet = pods.status();
      succeeded(quiet);
      expect(quiet.stderr).toBe('');
      installDockerRules(node.ns, flavour);
      const warned = pods.status();
      succeeded(warned);
      expect(warned.stderr).toMatch(
        /^trestle: warn: what cni0 forwards is dropped: the policy of FORWARD in iptables \(.*\) is DROP, and the accept for cni0 is not there\. .*The next ADD/,
      );
      expect(failed(pods.status({ config: network(node, { status: 'strict' }) })).code).toBe(51);
      succeeded(pods.add(node.container()));
      expect(pods.status().stderr).toBe('');
    });

    test('the accept of a bridge that was renamed goes with the next ADD on another', () => {
      using node = droppingNode(flavour, false);
      succeeded(runtime(node, artifact, network(node)).add(node.container()));
      ipBatch(node.ns, 'link set cni0 down\n link set cni0 name br9\n link set br9 up');
      const other = { name: 'other', bridge: 'cni1', ipam: ipam(node, ['10.90.0.0/24', 'fd00:90::/64']) };
      succeeded(runtime(node, artifact, network(node, other)).add(node.container()));
      expect(mine(node.ns, flavour)).toEqual([[], []]);
    });

    test('frames on a layer-2 network that are dropped are warned of by ADD and STATUS', () => {
      using node = droppingNode(flavour, false);
      const plain = network(node, { isDefaultGateway: false, ipMasq: false, ipam: { dataDir: node.dataDir } });
      const pods = runtime(node, artifact, plain);
      const warning =
        /^trestle: warn: frames between the ports of cni0 are dropped: net\.bridge\.bridge-nf-call-iptables is 1, and the policy of FORWARD/;
      const container = node.container();
      for (const outcome of [pods.add(container), pods.status()]) {
        succeeded(outcome);
        expect(outcome.stderr).toMatch(warning);
      }
      succeeded(pods.check(container));
      const meant = runtime(node, artifact, { ...plain, forward: 'off' });
      expect([meant.add(node.container()).stderr, meant.status().stderr]).toEqual(['', '']);
    });
  });

  test('an accept of the older iptables that cannot be taken out: DEL and GC say so and succeed', () => {
    using node = droppingNode('legacy', false);
    const pods = runtime(node, artifact, network(node));
    const container = node.container();
    succeeded(pods.add(container));
    const script = join(node.directory, 'fails');
    writeFileSync(script, '#!/bin/sh\necho "line 4 failed" >&2\nexit 1\n', { mode: 0o755 });
    const broken = runtime(
      node,
      withMounts(node, artifact, [`mount --bind ${script} /usr/sbin/xtables-legacy-multi`]),
      network(node),
    );
    const warning =
      /^trestle: warn: cannot take the accept of cni0 out: iptables-legacy-restore refused a change: line 4 failed\. Try "iptables-legacy -t filter -S"/;
    for (const outcome of [broken.del(container), broken.gc([])]) {
      succeeded(outcome);
      expect(outcome.stderr).toMatch(warning);
    }
    expect(sorted(mine(node.ns, 'legacy'))).toEqual(accepted());
    succeeded(pods.gc([]));
    expect(mine(node.ns, 'legacy')).toEqual([[], []]);
  });

  test('STATUS and CHECK start no program, and make no table', () => {
    using node = droppingNode('nft', false);
    iptables(node.ns, 'legacy', '-P', 'FORWARD', 'DROP');
    const config = network(node, { ipMasqBackend: 'iptables' });
    const container = node.container();
    const prevResult = succeeded(runtime(node, artifact, config).add(container));
    const trace = traced(node, artifact, '-e trace=execve -e status=successful');
    const pods = runtime(node, trace.artifact, config);
    const tables = () => [
      ...['ip_tables_names', 'ip6_tables_names'].map((name) => exec(node.ns, ['cat', `/proc/net/${name}`])),
      exec(node.ns, ['nft', 'list', 'tables']),
    ];
    const before = tables();
    succeeded(pods.check(container, { prevResult }));
    succeeded(pods.status());
    expect(trace.lines().filter((line) => /execve\("[^"]*tables/.test(line))).toEqual([]);
    expect(tables()).toEqual(before);
  });
});
