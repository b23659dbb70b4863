/** STATUS: whether an ADD can succeed, or the node's owner must mend something first. */

import { expect, test } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cni, failed, succeeded } from '../support/cni.ts';
import { leftovers } from '../support/leftovers.ts';
import { ipBatch } from '../support/netns.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { installed } from './support/installed.ts';
import { withMounts } from './support/mounts.ts';
import { e2e, eventually, footprint, ipam, loseNamespace, network, V4, V6 } from './support/network.ts';

const oneAddress = { subnet: V4.subnet, rangeStart: V4.first, rangeEnd: V4.first };

e2e('STATUS is fine', (artifact) => {
  test('on a node that has nothing yet, and changes nothing', () => {
    using node = createNode();
    const before = [leftovers(node), footprint(node)];
    const outcome = runtime(node, artifact, network(node)).status();
    expect([outcome.status, outcome.stdout, outcome.stderr]).toEqual([0, '', '']);
    expect([leftovers(node), footprint(node)]).toEqual(before);
  });

  test('with containers attached, and changes nothing', () => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node));
    succeeded(pods.add(node.container()));
    const before = [leftovers(node), footprint(node)];
    succeeded(pods.status());
    expect([leftovers(node), footprint(node)]).toEqual(before);
  });

  test('on layer 2 only', () => {
    using node = createNode();
    const config = { cniVersion: '1.1.0', name: 'wire', type: 'trestle', ipam: { dataDir: node.dataDir } };
    succeeded(runtime(node, artifact, config).status());
  });
});

e2e('STATUS warns', (artifact) => {
  test('when a range is exhausted, on stderr and in the log, until there is an address again', () => {
    using node = createNode();
    const container = node.container();
    const file = join(node.directory, 'log');
    const config = network(node, { ipam: ipam(node, [V6.subnet, oneAddress]), log: { file, level: 'warn' } });
    const pods = runtime(node, artifact, config);
    succeeded(pods.add(container));
    const asked = pods.status();
    expect([asked.status, asked.stdout]).toEqual([0, '']);
    const warning =
      /cannot lease an address on pods: .*10\.89\.0\.2.* is exhausted, 1 of 1 addresses are leased\. None of/;
    expect(asked.stderr).toMatch(warning);
    expect(asked.stderr).toStartWith('trestle: warn: ');
    expect(asked.stderr).toContain(container.id.slice(0, 12));
    const [line, ...others] = readFileSync(file, 'utf8').trim().split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 'warn',
      command: 'STATUS',
      msg: expect.stringMatching(warning),
    });
    expect(others).toEqual([]);
    succeeded(pods.del(container));
    expect(pods.status()).toMatchObject({ status: 0, stderr: '' });
  });

  test.each(['host-local', 'trestle-ipam'])('as the IPAM plugin %s by itself, too', (name) => {
    using node = createNode();
    const plugin = installed(node, artifact, name);
    const config = network(node, { type: 'bridge', ipam: ipam(node, [oneAddress], { type: name }) });
    const pods = runtime(node, plugin, config);
    succeeded(pods.add(node.container()));
    const asked = pods.status();
    expect([asked.status, asked.stdout]).toEqual([0, '']);
    expect(asked.stderr).toMatch(/^trestle: warn: cannot lease an address on pods: .* is exhausted/);
    expect(failed(pods.status({ config: { ...config, status: 'strict' } })).code).toBe(50);
    for (const command of ['ADD', 'STATUS'] as const) {
      const wrong = cni(node, {
        artifact: plugin,
        command,
        container: node.container(),
        config: { ...config, status: 'loud' },
      });
      expect(failed(wrong).code).toBe(7);
    }
    expect(pods.status({ config: { ...config, Status: 'strict' } }).stderr).toContain(
      'the key "Status" is taken for "status"',
    );
  });
});

e2e('STATUS warns of a subnet', (artifact) => {
  test('that is also the uplink’s, as the first ADD does', () => {
    using node = createNode({ outside: true });
    const file = join(node.directory, 'log');
    const config = network(node, { ipam: ipam(node, ['203.0.113.0/24']), log: { file, level: 'warn' } });
    const pods = runtime(node, artifact, config);
    const warning = 'the subnet 203.0.113.0/24 overlaps the address 203.0.113.2/24 of eth0';
    expect(pods.status()).toMatchObject({ status: 0, stderr: expect.stringContaining(warning) });
    for (let count = 0; count < 2; count++) succeeded(pods.add(node.container()));
    const warned = readFileSync(file, 'utf8').trim().split('\n');
    expect(warned.map((line) => JSON.parse(line).command)).toEqual(['STATUS', 'ADD']);
    for (const line of warned) expect(line).toContain(warning);
  });

  test.each([
    ['with gateways', {}],
    ['at layer 2', { isDefaultGateway: false, ipMasq: false }],
  ])('of which another network on the bridge gives out addresses, %s', (_, extra) => {
    using node = createNode();
    const pods = runtime(node, artifact, network(node, extra));
    const other = runtime(node, artifact, network(node, { ...extra, name: 'other' }));
    const container = node.container();
    succeeded(other.add(container));
    const warning = 'the network other on the bridge cni0 gives out addresses of the same range: 10.89.0.2/24';
    expect(pods.status()).toMatchObject({ status: 0, stderr: expect.stringContaining(warning) });
    expect(other.status()).toMatchObject({ status: 0, stderr: '' });
    const apart = [{ subnet: V4.subnet, rangeStart: '10.89.0.100' }];
    expect(pods.status({ config: network(node, { ...extra, ipam: ipam(node, apart) }) }).stderr).toBe('');
    expect(pods.status({ config: network(node, { ...extra, bridge: 'cni1' }) }).stderr).not.toContain(warning);
    expect(pods.add(node.container())).toMatchObject({ status: 0, stderr: expect.stringContaining(warning) });
    expect(pods.add(node.container())).toMatchObject({ status: 0, stderr: '' });
    succeeded(other.del(container));
    expect(pods.status().stderr).toBe('');
  });
});

e2e('STATUS of another IPAM plugin', (artifact) => {
  test.each(['lenient', 'strict'])('is handed on as it is, whatever "status" says: %s', (status) => {
    using node = createNode();
    const path = join(node.directory, 'plugins');
    mkdirSync(path);
    const error = { cniVersion: '1.1.0', code: 51, msg: 'theirs', details: 'mend it' };
    writeFileSync(join(path, 'other'), `#!/bin/sh\necho '${JSON.stringify(error)}'\nexit 1\n`, { mode: 0o755 });
    const config = network(node, { status, ipam: { type: 'other', dataDir: node.dataDir } });
    expect(failed(runtime(node, artifact, config).status({ path }))).toEqual(error);
  });
});

e2e('STATUS with "strict" says 50', (artifact) => {
  test('when a range is exhausted, until there is an address again', () => {
    using node = createNode();
    const container = node.container();
    const config = network(node, { status: 'strict', ipam: ipam(node, [V6.subnet, oneAddress]) });
    const pods = runtime(node, artifact, config);
    succeeded(pods.add(container));
    const error = failed(pods.status());
    expect(error).toMatchObject({ code: 50, cniVersion: '1.1.0' });
    expect(error.msg).toMatch(/10\.89\.0\.2.*exhausted/);
    expect(error.details).toContain(container.id.slice(0, 12));
    succeeded(pods.del(container));
    succeeded(pods.status());
  });

  test('not when who holds the last address is dead, which an ADD then gets', () => {
    using node = createNode();
    const container = node.container();
    const pods = runtime(node, artifact, network(node, { ipam: ipam(node, [oneAddress]) }));
    succeeded(pods.add(container));
    loseNamespace(node, container);
    eventually(() => succeeded(pods.status()));
    succeeded(pods.add(node.container()));
  });
});

e2e('STATUS says 50', (artifact) => {
  test('when the data directory is read-only', () => {
    using node = createNode();
    mkdirSync(node.dataDir);
    const plugin = withMounts(node, artifact, [`mount -t tmpfs -o ro,mode=700 tmpfs ${node.dataDir}`]);
    const error = failed(runtime(node, plugin, network(node)).status());
    expect(error.code).toBe(50);
    expect(error.msg).toContain(node.dataDir);
  });

  test('when the data directory is a file', () => {
    using node = createNode();
    const dataDir = `${node.directory}/file`;
    writeFileSync(dataDir, '');
    const error = failed(runtime(node, artifact, network(node, { ipam: ipam({ dataDir }, [V4.subnet]) })).status());
    expect(error.code).toBe(50);
    expect(error.msg).toContain(dataDir);
  });

  test('when the data directory is full', () => {
    using node = createNode();
    mkdirSync(node.dataDir);
    const mounts = [
      `mount -t tmpfs -o size=4k,nr_inodes=2,mode=700 tmpfs ${node.dataDir}`,
      `mkdir ${node.dataDir}/full`,
    ];
    const error = failed(runtime(node, withMounts(node, artifact, mounts), network(node)).status());
    expect(error.code).toBe(50);
    expect(error.msg).toMatch(/ENOSPC|no space/i);
  });

  test('when the name of the bridge belongs to something else', () => {
    using node = createNode();
    ipBatch(node.ns, 'link add cni0 type veth peer name other');
    const error = failed(runtime(node, artifact, network(node)).status());
    expect(error.code).toBe(50);
    expect(error.msg).toMatch(/cni0.*not a bridge/);
  });
});

e2e('STATUS is refused', (artifact) => {
  test('with a configuration that can never work', () => {
    using node = createNode();
    const status = (extra: object) => failed(runtime(node, artifact, network(node, { ...extra })).status());
    expect(status({ mtu: 'x' }).code).toBe(7);
    expect(status({ status: 'loud' })).toMatchObject({
      code: 7,
      msg: expect.stringContaining('status: the string "loud" is neither'),
    });
    expect(status({ ipam: ipam(node, ['10.89.0.0/32']) }).code).toBe(7);
    expect(status({ hairpinMode: true, promiscMode: true }).code).toBe(7);
    expect(status({ name: '../x' }).code).toBe(7);
  });

  test.each(['1.0.0', '0.4.0', '0.1.0'])('in cniVersion %s, which does not have it', (cniVersion) => {
    using node = createNode();
    const error = failed(runtime(node, artifact, network(node, { cniVersion })).status());
    expect(error).toMatchObject({ code: 1, cniVersion, msg: 'config version does not allow STATUS' });
  });
});
