/** GC: what the runtime no longer knows goes, with all that belongs to it; what it knows is not touched. */

import { expect, test } from 'bun:test';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reference } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { ipBatch } from '../support/netns.ts';
import { type Container, createNode, OUTSIDE_ADDRESS, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime, type ValidAttachment } from '../support/runtime.ts';
import { ping, steadyPing } from '../support/traffic.ts';
import { withMounts } from './support/mounts.ts';
import { e2e, eventually, footprint, ipam, loseNamespace, network, V4, V6 } from './support/network.ts';

const valid = (...containers: Container[]): ValidAttachment[] =>
  containers.map(({ id }) => ({ containerID: id, ifname: 'eth0' }));

/** A live container, then others that come and go; with what there is while only the live one is there. */
function attached(node: ScratchNode, pods: Runtime, others: number) {
  const live = node.container();
  succeeded(pods.add(live));
  const only = leftovers(node);
  const rest = Array.from({ length: others }, () => node.container());
  for (const container of rest) succeeded(pods.add(container));
  const verify = () => {
    succeeded(pods.check(live));
    expect(ping(live.ns, V4.gateway)).toBe(true);
  };
  return { live, rest, only, verify };
}

e2e('GC with a list', (artifact) => {
  test('removes exactly the others', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { live, only, verify } = attached(node, pods, 2);
    const outcome = pods.gc(valid(live));
    succeeded(outcome);
    expect(outcome.stdout).toBe('');
    expect(leftovers(node)).toEqual(only);
    verify();
    succeeded(pods.gc(valid(live)));
    expect(leftovers(node)).toEqual(only);
  });

  test('takes leases, records, veths, elements and guards of the others, and no packet of a live one', async () => {
    using node = createNode({ outside: true });
    const pods = runtime(node, artifact, network(node, { macspoofchk: true }));
    const { live, rest, only, verify } = attached(node, pods, 6);
    rmSync(join(node.dataDir, '.trestle/pods', `${rest[0]?.id}:eth0`));
    rest[1]?.ns.delete();
    const outside = await steadyPing(live.ns, OUTSIDE_ADDRESS[4]);
    const gateway = await steadyPing(live.ns, V6.gateway);
    const outcome = await pods.gcAsync(valid(live));
    succeeded(outcome);
    expect(leftovers(node)).toEqual(only);
    for (const ping of [outside, gateway]) expect(await ping.lost()).toEqual(0);
    verify();
  });

  test('that holds all changes nothing', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { live, rest, verify } = attached(node, pods, 1);
    const before = [leftovers(node), footprint(node)];
    succeeded(pods.gc([...valid(live, ...rest), { containerID: 'gone', ifname: 'eth0' }]));
    expect([leftovers(node), footprint(node)]).toEqual(before);
    verify();
  });

  test('that is empty removes all', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const before = leftovers(node);
    for (let count = 0; count < 2; count++) succeeded(pods.add(node.container()));
    succeeded(pods.gc([]));
    expect(leftovers(node)).toEqual(before);
    const again = node.container();
    succeeded(pods.add(again));
    succeeded(pods.check(again));
  });

  test('tells the interfaces of one container apart', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { isDefaultGateway: false, isGateway: true }));
    const { live, only, verify } = attached(node, pods, 0);
    succeeded(pods.add(live, { ifName: 'net1' }));
    succeeded(pods.gc(valid(live)));
    expect(leftovers(node)).toEqual(only);
    verify();
  });

  test('does not touch other networks, not even one whose name begins alike', () => {
    using node = createNode();
    const container = node.container();
    const subnet = { ipam: ipam(node, ['10.90.0.0/24']), bridge: 'cni1' };
    const others = runtime(node, artifact, network(node, { name: 'pods-10', ...subnet }));
    succeeded(others.add(container));
    const before = leftovers(node);
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container()));
    succeeded(pods.gc([]));
    expect(leftovers(node)).toEqual(before);
    succeeded(others.check(container));
  });

  test.each(['nftables', 'iptables'])(
    'does not touch what another runtime has in a network of the same name: %s',
    (backend) => {
      using node = createNode();
      // Each has a data directory of its own, which is all that tells them apart.
      const on = (name: string, rangeStart: string) => {
        const own = { dataDir: join(node.directory, name) };
        const section = ipam(own, [{ subnet: V4.subnet, rangeStart }]);
        return runtime(node, artifact, network(own, { macspoofchk: true, ipMasqBackend: backend, ipam: section }));
      };
      const [pods, others] = [on('own', '10.89.0.10'), on('other', '10.89.0.100')];
      const [gone, container] = [node.container(), node.container()];
      succeeded(others.add(container));
      const before = leftovers(node);
      succeeded(pods.add(gone));
      succeeded(pods.gc([]));
      expect(leftovers(node)).toEqual(before);
      succeeded(others.check(container));
      expect(ping(container.ns, V4.gateway)).toBe(true);
    },
  );

  test.each(['with its network namespace', 'without'])(
    'and a DEL do not touch a container of the same ID that another runtime has, %s',
    (which) => {
      using node = createNode();
      const on = (name: string) => {
        const own = { dataDir: join(node.directory, name) };
        return runtime(node, artifact, network(own, { macspoofchk: true, ipam: ipam(own, [V4.subnet]) }));
      };
      const [pods, others] = [on('own'), on('other')];
      const container = node.container();
      succeeded(others.add(container));
      const before = leftovers(node);
      succeeded(pods.del(which === 'without' ? { ...container, netnsPath: '' } : container));
      succeeded(pods.gc([]));
      expect(leftovers(node)).toEqual(before);
      succeeded(others.check(container));
    },
  );

  test.each(['cni.dev/valid-attachments', 'cni.dev/attachments'])('under the key %s alone', (key) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { live, only, verify } = attached(node, pods, 1);
    succeeded(pods.gc(undefined, { config: network(node, { [key]: valid(live) }) }));
    expect(leftovers(node)).toEqual(only);
    verify();
  });

  test('removes what has lost its record, its lease, or both', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { live, rest, only, verify } = attached(node, pods, 3);
    const record = ({ id }: Container) => join(node.dataDir, '.trestle/pods', `${id}:eth0`);
    const [a, b, c] = rest as [Container, Container, Container];
    for (const path of [record(a), record(b), join(node.dataDir, 'pods/10.89.0.4')]) rmSync(path);
    rmSync(join(node.dataDir, 'pods/fd00:89::4'));
    writeFileSync(record(c), '{"version":1');
    succeeded(pods.gc(valid(live)));
    expect(leftovers(node)).toEqual(only);
    verify();
  });

  test('removes what is left after namespaces were deleted and links cut', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { live, rest, only, verify } = attached(node, pods, 2);
    rest[0]?.ns.delete();
    ipBatch(rest[1]?.ns as Container['ns'], 'link delete eth0');
    succeeded(pods.gc(valid(live)));
    expect(leftovers(node)).toEqual(only);
    verify();
  });

  test('releases leases that host-local made, and keeps those of the list', () => {
    using node = createNode();
    const config = network(node, { ipMasq: false, ipam: ipam(node, [V4.subnet], { type: 'host-local' }) });
    const theirs = runtime(node, reference('bridge'), { ...config, cniVersion: '1.0.0', type: 'bridge' });
    const [kept, gone] = [node.container(), node.container()];
    for (const container of [kept, gone]) succeeded(theirs.add(container));
    gone.ns.delete();
    succeeded(runtime(node, artifact, config).gc(valid(kept)));
    expect(Object.values(leftovers(node).files)).toEqual([`${kept.id}\r\neth0`]);
    succeeded(theirs.check(kept));
  });

  test('goes on where one thing cannot be removed, and says so', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { live, verify } = attached(node, pods, 2);
    const lease = join(node.dataDir, 'pods/10.89.0.3');
    const plugin = withMounts(node, artifact, [`mount --bind ${lease} ${lease}`]);
    const error = failed(runtime(node, plugin, network(node)).gc(valid(live)));
    expect(error.msg).toContain(lease);
    expect(Object.keys(leftovers(node).containers)).toEqual([live.id]);
    succeeded(pods.gc(valid(live)));
    verify();
  });
});

e2e('GC without a list', (artifact) => {
  test.each([
    ['absent', undefined],
    ['null', null],
  ])('removes only what is dead: %s', (_, list) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const { rest, only, verify } = attached(node, pods, 1);
    const before = [leftovers(node), footprint(node)];
    succeeded(pods.gc(list));
    expect([leftovers(node), footprint(node)]).toEqual(before);
    loseNamespace(node, rest[0] as Container);
    eventually(() => {
      succeeded(pods.gc(list));
      expect(leftovers(node)).toEqual(only);
    });
    verify();
  });

  test('does nothing where there is nothing', () => {
    using node = createNode();
    const before = footprint(node);
    succeeded(runtime(node, artifact, network(node)).gc());
    succeeded(runtime(node, artifact, network(node)).gc([]));
    expect(footprint(node)).toEqual(before);
    expect(existsSync(node.dataDir)).toBe(false);
  });
});

e2e('GC is refused', (artifact) => {
  test.each(['1.0.0', '0.4.0', '0.1.0'])('in cniVersion %s, which does not have it', (cniVersion) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, { cniVersion }));
    succeeded(pods.add(node.container()));
    const before = leftovers(node);
    expect(failed(pods.gc([]))).toMatchObject({ code: 1, cniVersion, msg: 'config version does not allow GC' });
    expect(leftovers(node)).toEqual(before);
  });

  for (const list of ['all', { containerID: 'c1' }, [{ containerID: 'c1' }], ['c1']]) {
    test(`with a list that is none: ${JSON.stringify(list)}`, () => {
      using node = createNode();
      const pods = runtime(node, artifact, network(node));
      succeeded(pods.add(node.container()));
      const before = leftovers(node);
      expect(failed(pods.gc(list as unknown as ValidAttachment[])).code).toBe(7);
      expect(leftovers(node)).toEqual(before);
    });
  }
});
