/** IPAM that another plugin does. */

import { expect, test } from 'bun:test';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REFERENCE_DIRECTORY } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { nftElements } from '../support/nft.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, network } from './support/network.ts';

const STATIC = {
  type: 'static',
  addresses: [
    { address: '10.95.0.9/24', gateway: '10.95.0.1' },
    { address: 'fd00:95::9/64', gateway: 'fd00:95::1' },
  ],
  routes: [{ dst: '192.0.2.0/24' }],
  dns: { nameservers: ['10.95.0.53'] },
};

/** A plugin that keeps a line for each call, and then does what the script says. @returns its CNI_PATH */
function fakeIpam(node: ScratchNode, script: string): string {
  const path = join(node.directory, 'plugins');
  mkdirSync(path, { recursive: true });
  const file = join(path, 'fake');
  const noting = `echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME" >> ${node.directory}/calls`;
  writeFileSync(file, `#!/bin/sh\n${noting}\n/bin/cat > ${node.directory}/stdin\n${script}\n`);
  chmodSync(file, 0o755);
  return path;
}

function callsOf(node: ScratchNode): string[] {
  return readFileSync(join(node.directory, 'calls'), 'utf8').trim().split('\n');
}

const RESULT = '{"cniVersion":"0.2.0","ip4":{"ip":"10.96.0.7/24","gateway":"10.96.0.1"}}';

e2e('the reference plugin static', (artifact) => {
  test('gives addresses, routes and DNS; CHECK, DEL and masquerading work with it', () => {
    using node = createNode();
    const options = { path: REFERENCE_DIRECTORY };
    const config = network(node, { ipam: { ...STATIC, dataDir: node.dataDir }, cniVersion: '1.0.0' });
    const pods = runtime(node, artifact, config);
    const before = leftovers(node);
    const container = node.container();
    const result = succeeded(pods.add(container, options));
    expect(result.dns).toEqual({ nameservers: ['10.95.0.53'] });
    expect(cidrs(container.ns, 'eth0')).toEqual(['10.95.0.9/24', 'fd00:95::9/64']);
    expect(ping(container.ns, '10.95.0.1')).toBe(true);
    expect(nftElements(node.ns).map(({ value }) => value)).toEqual(['10.95.0.9', 'fd00:95::9']);
    succeeded(pods.check(container, options));
    succeeded(pods.del(container, options));
    expect(leftovers(node)).toEqual({ ...before, containers: leftovers(node).containers });
  });
});

e2e('a delegated plugin', (artifact) => {
  test('gets the same stdin, and a result of any version is understood', () => {
    using node = createNode();
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = ADD ] && echo '${RESULT}'; exit 0`);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir, range: 'its own business' } });
    const pods = runtime(node, artifact, config);
    const container = node.container();
    const result = succeeded(pods.add(container, { path }));
    expect(result.ips).toEqual([{ address: '10.96.0.7/24', gateway: '10.96.0.1', interface: 2 }]);
    expect(JSON.parse(readFileSync(join(node.directory, 'stdin'), 'utf8'))).toMatchObject(config);
    succeeded(pods.check(container, { path }));
    succeeded(pods.status({ path }));
    succeeded(pods.gc([{ containerID: container.id, ifname: 'eth0' }], { path }));
    succeeded(pods.del(container, { path }));
    expect(callsOf(node).map((line) => line.split(' ')[0])).toEqual(['ADD', 'CHECK', 'STATUS', 'GC', 'DEL']);
  });

  test.each([
    ['prints nothing', 'exit 0', 'printed nothing'],
    ['prints garbage', 'echo no json', 'no json'],
    ['gives no address', 'echo "{}"', 'without giving an address'],
    ['crashes', 'kill -SEGV $$', 'SIGSEGV'],
    ['fails without a word', 'exit 3', 'status 3'],
  ])('that %s fails the ADD, and nothing is left', (_, script, reason) => {
    using node = createNode();
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = DEL ] && exit 0\n${script}`);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir } });
    const before = leftovers(node);
    const error = failed(runtime(node, artifact, config).add(node.container(), { path }));
    expect(error).toMatchObject({ code: 106, msg: expect.stringContaining(reason) });
    expect(callsOf(node).map((line) => line.split(' ')[0])).toEqual(['ADD', 'DEL']);
    expect(leftovers(node)).toMatchObject({ links: before.links, files: before.files, elements: before.elements });
  });

  test('that fails with an error object has it handed on unchanged', () => {
    using node = createNode();
    const error = { code: 117, msg: 'no lease for you', details: 'ask somebody else' };
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = DEL ] && exit 0\necho '${JSON.stringify(error)}'; exit 1`);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir } });
    expect(failed(runtime(node, artifact, config).add(node.container(), { path }))).toMatchObject(error);
  });

  test('is told to release when a later step fails', () => {
    using node = createNode();
    const add = RESULT.replace('10.96.0.1', '10.97.0.1');
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = ADD ] && echo '${add}'; exit 0`);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir } });
    const error = failed(runtime(node, artifact, config).add(node.container(), { path }));
    expect(error.code).toBe(7);
    expect(callsOf(node).map((line) => line.split(' ')[0])).toEqual(['ADD', 'DEL']);
  });

  test.each([
    ['nosuch', 106, /not in CNI_PATH/],
    ['../fake', 7, /no name of a plugin/],
  ])('called %s is refused', (type, code, reason) => {
    using node = createNode();
    const path = fakeIpam(node, 'exit 0');
    const config = network(node, { ipam: { type, dataDir: node.dataDir } });
    const error = failed(runtime(node, artifact, config).add(node.container(), { path }));
    expect(error).toMatchObject({ code, msg: expect.stringMatching(reason) });
  });
});
