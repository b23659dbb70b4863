/** `trestle graph`: what it draws is what the kernel has. */

import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { succeeded } from '../../support/cni.ts';
import { exec } from '../../support/netns.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { runtime } from '../../support/runtime.ts';
import { e2e, eventually, hostVeth, ipam, loseNamespace, network, V4, V6 } from '../support/network.ts';

interface Graph {
  readonly uplinks: readonly unknown[];
  readonly forwarding: readonly number[];
  readonly bridges: readonly {
    readonly name: string;
    readonly containers: readonly { readonly containerID: string; readonly [key: string]: unknown }[];
    readonly [key: string]: unknown;
  }[];
  readonly unattached: readonly unknown[];
}

function storage(node: ScratchNode) {
  return network(node, { name: 'storage', bridge: 'cni1', ipMasq: false, ipam: ipam(node, ['10.90.0.0/24']) });
}

e2e('trestle graph', (artifact) => {
  const drawn = (node: ScratchNode, ...args: string[]) => operate(node, artifact, ['graph', ...args, ...placeOf(node)]);

  test('has the uplink, the bridges and the containers of both networks', () => {
    using node = createNode({ outside: true });
    const [web, disk] = [node.container(), node.container()];
    succeeded(
      runtime(node, artifact, network(node)).add(web, {
        args: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;IgnoreUnknown=1',
      }),
    );
    succeeded(runtime(node, artifact, storage(node)).add(disk));
    expect(jsonOf<Graph>(drawn(node, '--json'))).toMatchObject({
      uplinks: [
        {
          interface: 'eth0',
          addresses: ['203.0.113.2/24', '2001:db8:ffff::2/64'],
          via: ['203.0.113.1', '2001:db8:ffff::1'],
        },
      ],
      forwarding: [4, 6],
      bridges: [
        {
          ...{ name: 'cni0', link: 'up', mtu: 1500, networks: ['pods'], otherPorts: [] },
          addresses: [`${V4.gateway}/24`, `${V6.gateway}/64`],
          containers: [
            {
              ...{
                network: 'pods',
                containerID: web.id,
                pod: 'shop/web-0',
                ifName: 'eth0',
                port: 'up',
                state: 'alive',
              },
              ...{ addresses: ['10.89.0.2/24', 'fd00:89::2/64'], masqueraded: true },
              hostVeth: hostVeth(node, web).ifname,
            },
          ],
        },
        { name: 'cni1', networks: ['storage'], addresses: ['10.90.0.1/24'], containers: [{ containerID: disk.id }] },
      ],
      unattached: [],
    });
    const { stdout } = drawn(node);
    expect(stdout).toContain('  │ eth0  203.0.113.2/24  2001:db8:ffff::2/64\n  ┊ forwards IPv4 and IPv6\n');
    expect(stdout).toMatch(/\n {2}├─┬─ cni0 ─+╮\n/);
    expect(stdout).toMatch(
      new RegExp(`╰─ ${hostVeth(node, disk).ifname} ── ${disk.id.slice(0, 12)} +eth0 +10\\.90\\.0\\.2/24 +alive\n`),
    );
    expect(stdout).not.toContain('\u001b');
  });

  test('marks what is dead, cut off, not masqueraded, or has a lease alone', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [dead, off, bare, down] = [node.container(), node.container(), node.container(), node.container()];
    for (const one of [dead, off, bare, down]) succeeded(pods.add(one));
    writeFileSync(`${node.dataDir}/pods/10.89.0.77`, 'f00\r\neth0');
    exec(node.ns, ['ip', 'link', 'set', hostVeth(node, off).ifname, 'nomaster']);
    exec(node.ns, ['nft', 'delete', 'element', 'inet', 'trestle', 'masq-pods-10.89.0.0/24', '{ 10.89.0.4 }']);
    exec(down.ns, ['ip', 'link', 'set', 'eth0', 'down']);
    loseNamespace(node, dead);
    eventually(() => {
      const { bridges, unattached } = jsonOf<Graph>(drawn(node, '--json'));
      const byId = new Map(bridges.flatMap(({ containers }) => containers).map((one) => [one.containerID, one]));
      expect(byId.get(dead.id)).toMatchObject({ state: 'dead', port: 'missing' });
      expect(byId.get(off.id)).toMatchObject({ state: 'alive', port: 'elsewhere', masqueraded: true });
      expect(byId.get(bare.id)).toMatchObject({ state: 'alive', port: 'up', masqueraded: false });
      expect(byId.get(down.id)).toMatchObject({ state: 'alive', port: 'down' });
      expect(unattached).toMatchObject([{ containerID: 'f00', state: 'unknown', addresses: ['10.89.0.77'] }]);
      const { stdout } = drawn(node);
      expect(stdout).toContain('4 containers, 3 of 4 masqueraded');
      for (const flaw of ['dead', 'not on the bridge', 'not masqueraded', 'link down', 'unknown'])
        expect(stdout).toContain(`  ${flaw}`);
    });
  });

  test('of one network leaves out the others', () => {
    using node = createNode();
    succeeded(runtime(node, artifact, network(node)).add(node.container()));
    succeeded(runtime(node, artifact, storage(node)).add(node.container()));
    const names = jsonOf<Graph>(drawn(node, '--json', '--network', 'storage')).bridges.map(({ name }) => name);
    expect(names).toEqual(['cni1']);
    expect(jsonOf<Graph>(drawn(node, '--json', '--network', 'nothing')).bridges).toEqual([]);
  });

  test('knows masquerading by iptables, too', () => {
    using node = createNode();
    const web = node.container();
    succeeded(runtime(node, artifact, network(node, { ipMasqBackend: 'iptables' })).add(web));
    const [bridge] = jsonOf<Graph>(drawn(node, '--json')).bridges;
    expect(bridge?.containers).toMatchObject([{ containerID: web.id, masqueraded: true }]);
  });

  test('draws for browsers, Graphviz and Mermaid, and takes one format', () => {
    using node = createNode();
    const web = node.container();
    const name = '<x>"&\\N';
    succeeded(
      runtime(node, artifact, network(node)).add(web, {
        args: `K8S_POD_NAMESPACE=a;K8S_POD_NAME=${name};IgnoreUnknown=1`,
      }),
    );
    expect(drawn(node, '--svg').stdout).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
    expect(drawn(node, '--svg').stdout).toContain('>a/&lt;x&gt;&quot;&amp;\\N</text>');
    expect(drawn(node, '--dot').stdout).toMatch(/^graph trestle \{\n/);
    expect(drawn(node, '--dot').stdout).toContain('[label="a/<x>\\"&amp;\\\\N\\neth0\\n');
    expect(drawn(node, '--mermaid').stdout).toMatch(/^flowchart LR\n/);
    expect(drawn(node, '--mermaid').stdout).toContain('["a/#60;x#62;#34;#38;#92;N<br/>eth0<br/>');
    const both = drawn(node, '--svg', '--dot');
    expect([both.status, both.stderr]).toEqual([2, 'trestle: graph takes one format, not --svg and --dot\n']);
  });

  test('of a node without anything is drawn, too', () => {
    using node = createNode();
    expect(drawn(node)).toMatchObject({ status: 0, stderr: '' });
    expect(drawn(node).stdout).toContain('no default route');
    expect(drawn(node, '--svg').stdout).toContain('no default route');
  });
});
