/** `trestle show`: each way to name an attachment, and a verdict on each of its resources. */

import { expect, test } from 'bun:test';
import { succeeded } from '../../support/cni.ts';
import { link } from '../../support/kernel.ts';
import { exec, spawnIn } from '../../support/netns.ts';
import { createNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { runtime } from '../../support/runtime.ts';
import { e2e, hostVeth, loseNamespace, mustLink, network, V4, V6 } from '../support/network.ts';

interface Shown {
  readonly network: string;
  readonly containerID: string;
  readonly ifName: string;
  readonly state: string;
  readonly recordFile?: string;
  readonly resources: readonly { kind: string; verdict: string; reason?: string; advice?: string }[];
  readonly [key: string]: unknown;
}

const POD = { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' };
const KINDS = ['lease', 'bridge', 'gateway', 'forward-accept', 'port', 'addressing', 'masquerade', 'forwarding'];

e2e('trestle show', (artifact) => {
  test('finds an attachment by each of its names', () => {
    using node = createNode();
    const [web, other] = [node.container(), node.container()];
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(web, POD));
    succeeded(pods.add(other));
    const veth = hostVeth(node, web).ifname;
    const process = spawnIn(web.ns, ['sleep', '60']);
    try {
      // nsenter enters the namespace before it becomes the program.
      exec(node.ns, ['sh', '-c', `until [ "$(cat /proc/${process.pid}/comm)" = sleep ]; do sleep 0.01; done`]);
      const ways = ['shop/web-0', 'web-0', V4.first, 'FD00:89:0:0::2', veth, web.netnsPath, String(process.pid)];
      for (const thing of [web.id, web.id.slice(0, 12), ...ways]) {
        const shown = jsonOf<Shown[]>(operate(node, artifact, ['show', thing, '--json', ...placeOf(node)]));
        expect([thing, ...shown.map(({ containerID }) => containerID)]).toEqual([thing, web.id]);
      }
    } finally {
      process.kill();
    }
    expect(link(node.ns, veth)?.ifalias).toMatch(/^trestle:pods@[0-9a-f]{8}\/[0-9a-f]{64}\/eth0 shop\/web-0 \//);
  });

  test('shows all that is known of it, and that every resource is in order', () => {
    using node = createNode();
    const web = node.container();
    succeeded(runtime(node, artifact, network(node)).add(web, POD));
    const [shown] = jsonOf<Shown[]>(operate(node, artifact, ['show', web.id, '--json', ...placeOf(node)]));
    expect(shown).toMatchObject({
      ...{ network: 'pods', containerID: web.id, pod: 'shop/web-0', ifName: 'eth0', state: 'alive', bridge: 'cni0' },
      gateways: [V4.gateway, V6.gateway],
      routes: [`0.0.0.0/0 via ${V4.gateway}`, `::/0 via ${V6.gateway}`],
      recordFile: `${node.dataDir}/.trestle/pods/${web.id}:eth0`,
    });
    expect(shown?.resources.map(({ kind, verdict }) => [kind, verdict])).toEqual(KINDS.map((kind) => [kind, 'ok']));
    const { stdout, status } = operate(node, artifact, ['show', 'web-0', ...placeOf(node)]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^shop\/web-0 eth0\n {2}network +pods\n/);
    expect(stdout).toMatch(/\n {2}ok +masquerade +10\.89\.0\.2 fd00:89::2 \(auto\)\n/);
  });

  test('shows each attachment of a container, and of an address its own', () => {
    using node = createNode();
    const web = node.container();
    const storage = network(node, {
      name: 'storage',
      bridge: 'cni1',
      ipam: { type: 'trestle-ipam', dataDir: node.dataDir, subnet: '10.90.0.0/24' },
    });
    succeeded(runtime(node, artifact, network(node)).add(web));
    succeeded(runtime(node, artifact, storage).add(web, { ifName: 'net1' }));
    const shown = (thing: string) =>
      jsonOf<Shown[]>(operate(node, artifact, ['show', thing, '--json', ...placeOf(node)])).map(
        ({ network: name, ifName }) => [name, ifName],
      );
    expect(shown(web.id.slice(0, 12))).toEqual([
      ['pods', 'eth0'],
      ['storage', 'net1'],
    ]);
    expect(shown('10.90.0.2')).toEqual([['storage', 'net1']]);
  });

  test('names what is off, and what to do', () => {
    using node = createNode();
    const web = node.container();
    succeeded(runtime(node, artifact, network(node)).add(web));
    exec(node.ns, ['ip', 'link', 'set', hostVeth(node, web).ifname, 'nomaster']);
    exec(node.ns, ['ip', 'address', 'del', `${V4.gateway}/24`, 'dev', 'cni0']);
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    exec(web.ns, ['ip', 'address', 'del', `${V4.first}/24`, 'dev', 'eth0']);
    const said = operate(node, artifact, ['show', V4.first, ...placeOf(node)]);
    expect(said).toMatchObject({ status: 1, stderr: '' });
    expect(said.stdout).toMatch(/ off +port .*is not a port of cni0: it is on no bridge\n/);
    expect(said.stdout).toContain('Something changed it after ADD.');
    const [shown] = jsonOf<Shown[]>(operate(node, artifact, ['show', V4.first, '--json', ...placeOf(node)]), 1);
    const off = shown?.resources.filter(({ verdict }) => verdict === 'off').map(({ kind }) => kind);
    expect(off).toEqual(['gateway', 'port', 'addressing', 'masquerade']);
  });

  test('of a dead attachment checks what is on the node, and says why not the rest', () => {
    using node = createNode();
    const web = node.container();
    succeeded(runtime(node, artifact, network(node)).add(web));
    loseNamespace(node, web);
    const [shown] = jsonOf<Shown[]>(operate(node, artifact, ['show', web.id, '--json', ...placeOf(node)]));
    const unchecked = shown?.resources.filter(({ verdict }) => verdict === 'not checked');
    const reason = `no network namespace is at ${web.netnsPath} any more`;
    expect(unchecked).toMatchObject([
      { kind: 'port', reason },
      { kind: 'addressing', reason },
    ]);
    expect(shown?.resources.filter(({ verdict }) => verdict === 'ok')).toHaveLength(KINDS.length - 2);
  });

  test('does not look into another netns at the recorded path', () => {
    using node = createNode();
    const [web, stranger] = [node.container(), node.container()];
    succeeded(runtime(node, artifact, network(node)).add(web));
    loseNamespace(node, web);
    exec(node.ns, ['sh', '-c', `touch ${web.netnsPath} && mount --bind ${stranger.netnsPath} ${web.netnsPath}`]);
    try {
      const [shown] = jsonOf<Shown[]>(operate(node, artifact, ['show', web.id, '--json', ...placeOf(node)]));
      const port = shown?.resources.find(({ kind }) => kind === 'port');
      const reason = `another network namespace is at ${web.netnsPath} now`;
      expect([port?.verdict, port?.reason]).toEqual(['not checked', reason]);
    } finally {
      exec(node.ns, ['sh', '-c', `umount ${web.netnsPath} && rm ${web.netnsPath}`]);
    }
  });

  test('lists the candidates of an ambiguous name', () => {
    using node = createNode();
    const [web, other] = [node.container(), node.container()];
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(web, POD));
    succeeded(pods.add(other, { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=test;K8S_POD_NAME=web-0' }));
    const { status, stdout, stderr } = operate(node, artifact, ['show', 'web-0', ...placeOf(node)]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('"web-0" is ambiguous');
    expect(stderr).toMatch(new RegExp(`pods +shop/web-0 +${web.id}`));
    expect(stderr).toMatch(new RegExp(`pods +test/web-0 +${other.id}`));
  });

  test('says what a thing is that is no attachment', () => {
    using node = createNode({ outside: true });
    const web = node.container();
    succeeded(runtime(node, artifact, network(node)).add(web));
    const said = (thing: string) => {
      const { status, stderr } = operate(node, artifact, ['show', thing, ...placeOf(node)]);
      return [status, stderr.split('\n')[1]];
    };
    expect(said(V6.gateway)).toEqual([
      2,
      `${V6.gateway}/64 is an address of the bridge cni0 (1 port): the gateway of its containers.`,
    ]);
    expect(said('203.0.113.2')).toEqual([2, '203.0.113.2/24 is an address of this node, on eth0.']);
    expect(said('cni0')).toEqual([2, 'cni0 is a bridge of this node, and no host veth of an attachment.']);
    expect(said('eth0')).toEqual([2, 'eth0 is an interface (veth) of this node, and no host veth of an attachment.']);
    expect(said('pods')).toEqual([2, 'pods is a network; "trestle list --network pods" lists its attachments.']);
    expect(said(node.ns.path)).toEqual([2, `${node.ns.path} is the netns of this node.`]);
    expect(said('/nowhere')).toEqual([2, 'There is no file /nowhere.']);
    expect(said('zzz')).toEqual([
      2,
      `Sought a container ID, a pod zzz, a host veth among the 1 attachment; the data directory is ${node.dataDir}.`,
    ]);
  });

  test('names the owner of a host veth without a record', () => {
    using node = createNode();
    const web = node.container();
    succeeded(runtime(node, artifact, network(node)).add(web));
    const { ifname } = hostVeth(node, web);
    const empty = ['--data-dir', node.directory, '--conf-dir', node.confDir];
    const { status, stderr } = operate(node, artifact, ['show', ifname, ...empty]);
    expect(status).toBe(2);
    expect(stderr).toContain(`, a port of cni0, and its alias names the attachment pods@`);
    expect(mustLink(node.ns, ifname).ifalias).toContain(web.id);
  });

  test('takes one THING', () => {
    using node = createNode();
    expect(operate(node, artifact, ['show', ...placeOf(node)]).status).toBe(2);
    expect(operate(node, artifact, ['show', 'a', 'b', ...placeOf(node)]).status).toBe(2);
  });
});
