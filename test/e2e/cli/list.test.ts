/** `trestle list`, on a node with attachments that live, that are dead, and that host-local made. */

import { expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { succeeded } from '../../support/cni.ts';
import { createNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { runtime } from '../../support/runtime.ts';
import { e2e, eventually, hostVeth, loseNamespace, network } from '../support/network.ts';

interface Listed {
  readonly network: string;
  readonly containerID: string;
  readonly pod?: string;
  readonly state: string;
  readonly evidence: string;
  readonly [key: string]: unknown;
}

e2e('trestle list', (artifact) => {
  test('shows each attachment with all that is known of it, by the configurations', () => {
    using node = createNode();
    const config = network(node);
    node.writeConf('10-pods.conflist', { cniVersion: '1.1.0', name: 'pods', plugins: [config] });
    const [first, second] = [node.container(), node.container()];
    const pods = runtime(node, artifact, config);
    succeeded(pods.add(first, { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' }));
    succeeded(pods.add(second));
    const listed = jsonOf<Listed[]>(operate(node, artifact, ['list', '--json', '--conf-dir', node.confDir]));
    expect(listed.filter(({ dataDir }) => dataDir === node.dataDir)).toMatchObject([
      {
        network: 'pods',
        containerID: first.id,
        pod: 'shop/web-0',
        ifName: 'eth0',
        addresses: ['10.89.0.2/24', 'fd00:89::2/64'],
        hostVeth: hostVeth(node, first).ifname,
        bridge: 'cni0',
        netns: first.netnsPath,
        state: 'alive',
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
      { containerID: second.id, state: 'alive' },
    ]);
    const { stdout } = operate(node, artifact, ['list', ...placeOf(node)]);
    expect(stdout).toMatch(/^NETWORK +CONTAINER +INTERFACE/);
    expect(stdout).toContain('shop/web-0');
    expect(stdout).toContain(second.id.slice(0, 12));
    expect(stdout).not.toContain('\u001b');
  });

  test('says what is dead, and what has a lease alone', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    const [dead, foreign] = [node.container(), node.container()];
    succeeded(pods.add(dead));
    writeFileSync(`${node.dataDir}/pods/10.89.0.77`, `${foreign.id}\r\neth0`);
    loseNamespace(node, dead);
    eventually(() => {
      const listed = jsonOf<Listed[]>(operate(node, artifact, ['list', '--json', ...placeOf(node)]));
      const byId = new Map(listed.map((one) => [one.containerID, one]));
      expect(byId.get(dead.id)).toMatchObject({ state: 'dead' });
      expect(byId.get(foreign.id)).toMatchObject({ state: 'unknown', addresses: ['10.89.0.77'] });
    });
    rmSync(node.dataDir, { recursive: true });
    expect(operate(node, artifact, ['list', ...placeOf(node)])).toMatchObject({
      status: 0,
      stdout: 'No attachments.\n',
    });
  });
});
