/** IPAM that another plugin does. */

import { expect, test } from 'bun:test';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Artifact, artifacts, REFERENCE_DIRECTORY } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { nftElements } from '../support/nft.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
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
function fakeIpam(node: ScratchNode, script: string, type = 'fake'): string {
  const path = join(node.directory, 'plugins');
  mkdirSync(path, { recursive: true });
  const file = join(path, type);
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

e2e('the reference plugin static without addresses', (artifact) => {
  test.each<[unknown]>([[undefined], [[]]])('fails the ADD, which says what to configure: %j', (addresses) => {
    using node = createNode();
    const section = { ...STATIC, addresses, dataDir: node.dataDir };
    const config = network(node, { ipam: section, cniVersion: '1.0.0' });
    const before = leftovers(node);
    const error = failed(runtime(node, artifact, config).add(node.container(), { path: REFERENCE_DIRECTORY }));
    expect(error).toMatchObject({
      code: 106,
      msg: 'cannot have the IPAM plugin static do ADD: it succeeded without giving an address',
      details: expect.stringContaining('Set ipam.addresses, as in "addresses": [{ "address": "192.0.2.10/24"'),
    });
    expect(leftovers(node)).toMatchObject({ links: before.links, files: before.files, elements: before.elements });
  });
});

e2e('the reference plugin host-local under another name', (artifact) => {
  test('is run, keeps its leases itself, and our record beside them', () => {
    using node = createNode();
    const path = join(node.directory, 'plugins');
    mkdirSync(path);
    symlinkSync(join(REFERENCE_DIRECTORY, 'host-local'), join(path, 'range-keeper'));
    const ipam = { type: 'range-keeper', dataDir: node.dataDir, ranges: [[{ subnet: '10.95.0.0/24' }]] };
    const pods = runtime(node, artifact, network(node, { ipam, cniVersion: '1.0.0' }));
    const container = node.container();
    const before = leftovers(node);
    expect(succeeded(pods.add(container, { path })).ips?.[0]?.address).toBe('10.95.0.2/24');
    expect(leftovers(node).files['pods/10.95.0.2']).toBe(`${container.id}\r\neth0`);
    expect(ping(container.ns, '10.95.0.1')).toBe(true);
    succeeded(pods.check(container, { path }));
    rmSync(join(node.dataDir, 'pods/10.95.0.2'));
    expect(failed(pods.check(container, { path })).msg).toContain('Failed to find address');
    succeeded(pods.del(container, { path }));
    expect(leftovers(node)).toEqual(before);
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

  test('that cannot be started fails the ADD, and says why', () => {
    using node = createNode();
    const path = fakeIpam(node, 'exit 0');
    chmodSync(join(path, 'fake'), 0o644);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir } });
    const error = failed(runtime(node, artifact, config).add(node.container(), { path }));
    expect(error).toMatchObject({
      code: 106,
      msg: expect.stringMatching(/fake do ADD: it could not be started: .*EACCES/),
    });
  });

  test.each([
    ['prints nothing', 'exit 0', 'printed nothing'],
    ['prints garbage', 'echo no json', 'no json'],
    ['gives no address', 'echo "{}"', 'without giving an address'],
    ['crashes', 'kill -SEGV $$', 'SIGSEGV'],
    ['is killed', 'kill -KILL $$', 'SIGKILL'],
    ['fails without a word', 'exit 3', 'status 3'],
    ['prints a result and fails all the same', `echo '${RESULT}'; exit 4`, 'status 4'],
    ['fails with a code that is none', `echo '{"code":1.5,"msg":"no"}'; exit 1`, 'without an error object'],
    ['prints half a result', `echo '${RESULT.slice(0, 40)}'`, 'expected a result'],
    ['prints an error object and says that it succeeded', `echo '{"code":7,"msg":"no"}'`, 'without giving an address'],
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

  test('has its error handed on whatever the command was; DEL does all the rest, and succeeds once the plugin does', () => {
    using node = createNode();
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = ADD ] && echo '${RESULT}' && exit 0; exit 0`);
    const pods = runtime(node, artifact, network(node, { ipam: { type: 'fake', dataDir: node.dataDir } }));
    const container = node.container();
    const before = leftovers(node);
    succeeded(pods.add(container, { path }));
    const error = { code: 117, msg: 'not today', details: 'ask again tomorrow' };
    fakeIpam(node, `echo '${JSON.stringify(error)}'; exit 1`);
    const calls = [pods.check(container, { path }), pods.status({ path }), pods.del(container, { path })];
    for (const outcome of calls) expect(failed(outcome)).toMatchObject(error);
    expect(failed(pods.gc([], { path })).msg).toContain(error.msg);
    expect(leftovers(node)).toMatchObject({ links: before.links, elements: before.elements });
    fakeIpam(node, 'exit 0');
    succeeded(pods.del(container, { path }));
    expect(leftovers(node)).toEqual(before);
  });

  test('that is not there any more at DEL: all the rest is done, and DEL says what is missing', () => {
    using node = createNode();
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = ADD ] && echo '${RESULT}'; exit 0`);
    const pods = runtime(node, artifact, network(node, { ipam: { type: 'fake', dataDir: node.dataDir } }));
    const container = node.container();
    const before = leftovers(node);
    succeeded(pods.add(container, { path }));
    expect(failed(pods.del(container, { path: '/nonexistent' }))).toMatchObject({ code: 106 });
    expect(leftovers(node)).toMatchObject({ links: before.links, elements: before.elements, containers: {} });
  });

  test('finds the interface in the container when it is asked for addresses, deaf to router advertisements', () => {
    using node = createNode();
    const look = `/bin/busybox nsenter --net="$CNI_NETNS" /bin/busybox cat /proc/sys/net/ipv6/conf/$CNI_IFNAME/accept_ra > ${node.directory}/seen`;
    const path = fakeIpam(node, `[ "$CNI_COMMAND" = ADD ] && ${look} && echo '${RESULT}'; exit 0`);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir } });
    succeeded(runtime(node, artifact, config).add(node.container(), { path }));
    expect(readFileSync(join(node.directory, 'seen'), 'utf8')).toBe('0\n');
  });

  test('that gives another subnet: the bridge follows while nothing else is plugged in, and then refuses', () => {
    using node = createNode();
    const answer = (subnet: string) =>
      `[ "$CNI_COMMAND" = ADD ] && echo '${RESULT}'; exit 0`.replaceAll('10.96', subnet);
    const path = fakeIpam(node, answer('10.96'));
    const pods = runtime(node, artifact, network(node, { ipam: { type: 'fake', dataDir: node.dataDir } }));
    const [one, two, three] = [node.container(), node.container(), node.container()];
    succeeded(pods.add(one, { path }));
    succeeded(pods.del(one, { path }));
    fakeIpam(node, answer('10.98'));
    succeeded(pods.add(two, { path }));
    expect(cidrs(node.ns, 'cni0')).toEqual(['10.98.0.1/24']);
    fakeIpam(node, answer('10.99'));
    const { elements, links } = leftovers(node);
    expect(failed(pods.add(three, { path }))).toMatchObject({
      code: 102,
      msg: expect.stringContaining('10.98.0.1/24'),
    });
    expect(leftovers(node)).toMatchObject({ elements, links });
    expect(callsOf(node).at(-1)).toContain(`DEL ${three.id}`);
  });

  test('may say something on stderr, which is ours then', () => {
    using node = createNode();
    const path = fakeIpam(node, `echo "a word of mine" >&2; [ "$CNI_COMMAND" = ADD ] && echo '${RESULT}'; exit 0`);
    const config = network(node, { ipam: { type: 'fake', dataDir: node.dataDir } });
    const outcome = runtime(node, artifact, config).add(node.container(), { path });
    succeeded(outcome);
    expect(outcome.stderr).toBe('a word of mine\n');
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
    ['../fake', 7, /not the name of a plugin/],
  ])('called %s is refused', (type, code, reason) => {
    using node = createNode();
    const path = fakeIpam(node, 'exit 0');
    const config = network(node, { ipam: { type, dataDir: node.dataDir } });
    const error = failed(runtime(node, artifact, config).add(node.container(), { path }));
    expect(error).toMatchObject({ code, msg: expect.stringMatching(reason) });
  });
});

describeOnKernel('a delegated plugin that hangs', () => {
  test('is killed after a minute, also when a child of it holds on to its output; nothing is left', async () => {
    const nodes = artifacts.map(() => createNode());
    try {
      const before = nodes.map((node) => leftovers(node));
      const outcomes = nodes.flatMap((node, at) =>
        ['exec /bin/sleep 300', '/bin/sleep 300; exit 0'].map((command, which) => {
          const type = `hangs${which}`;
          const path = fakeIpam(node, `[ "$CNI_COMMAND" = DEL ] && exit 0\n${command}`, type);
          const pods = runtime(
            node,
            artifacts[at] as Artifact,
            network(node, { ipam: { type, dataDir: node.dataDir } }),
          );
          return pods.addAsync(node.container(), { path, deadlineMs: 100_000 });
        }),
      );
      for (const outcome of await Promise.all(outcomes)) {
        expect(failed(outcome)).toMatchObject({ code: 106, msg: expect.stringContaining('did not end within 60 s') });
      }
      expect(nodes.map((node) => ({ ...leftovers(node), containers: {} }))).toEqual(before);
    } finally {
      for (const node of nodes) node.delete();
    }
  }, 120_000);
});
