/** The log file: every call's steps, from many processes at once, and never in anybody's way. */

import { expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ipamArtifact, REFERENCE_DIRECTORY } from '../support/artifacts.ts';
import { cni, failed, succeeded } from '../support/cni.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { run } from '../support/process.ts';
import { runtime } from '../support/runtime.ts';
import { type Config, e2e, ipam, network } from './support/network.ts';
import { traced } from './support/strace.ts';

interface Line {
  readonly time: string;
  readonly level: string;
  readonly command: string;
  readonly containerID?: string;
  readonly step?: string;
  readonly msg?: string;
  readonly ms?: number;
  readonly result?: unknown;
  readonly error?: { code: number; msg: string } | string;
}

const fileOf = (node: ScratchNode) => join(node.directory, 'trestle.log');

function logged(node: ScratchNode, extra: Config = {}, log: Config = {}): Config {
  return network(node, { log: { file: fileOf(node), ...log }, ...extra });
}

function linesOf(node: ScratchNode): Line[] {
  const text = readFileSync(fileOf(node), 'utf8');
  expect(text).toEndWith('\n');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const stepsOf = (lines: readonly Line[], command: string) =>
  lines.filter((line) => line.command === command).map(({ step, msg }) => step ?? msg);

e2e('with a log', (artifact) => {
  test('each command leaves its steps, and its end', () => {
    using node = createNode();
    const pods = runtime(node, artifact, logged(node));
    const container = node.container();
    const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0';
    const env = { TRACEPARENT: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const added = pods.add(container, { args, env });
    const result = succeeded(added);
    for (const outcome of [pods.check(container), pods.status(), pods.gc([]), pods.del(container)]) {
      expect([succeeded(outcome).cniVersion, outcome.stdout, outcome.stderr]).toEqual(['', '', '']);
    }
    expect(added.stderr).toBe('');
    const lines = linesOf(node);
    expect(stepsOf(lines, 'ADD')).toEqual([
      'look at the place',
      'take addresses',
      'ensure bridge',
      'ensure gateway',
      'ensure forward-accept',
      'ensure port',
      'ensure addressing',
      'ensure masquerade',
      'ensure forwarding',
      'done',
    ]);
    for (const command of ['CHECK', 'STATUS', 'GC', 'DEL']) {
      expect(stepsOf(lines, command).length).toBeGreaterThan(2);
      expect(stepsOf(lines, command).at(-1)).toBe('done');
    }
    const adding = lines.filter(({ command }) => command === 'ADD');
    for (const line of adding) {
      expect(line).toMatchObject({ containerID: container.id, ifname: 'eth0', network: 'pods', pod: 'shop/web-0' });
      expect(line).toMatchObject({ level: 'info', traceparent: env.TRACEPARENT });
    }
    expect(adding.at(-1)?.result).toEqual(result);
    const total = adding.at(-1)?.ms ?? 0;
    const sum = adding.slice(0, -1).reduce((before, { ms = Number.NaN }) => before + ms, 0);
    expect(sum).toBeWithin(0, total);
    expect(total).toBeLessThan(added.ms);
  });

  test('twenty processes write whole lines', async () => {
    using node = createNode();
    const pods = runtime(node, artifact, logged(node, {}, { level: 'debug' }));
    const containers = Array.from({ length: 20 }, () => node.container());
    for (const outcome of await Promise.all(containers.map((one) => pods.addAsync(one)))) succeeded(outcome);
    const ends = linesOf(node).filter(({ msg }) => msg === 'done');
    expect(ends.map(({ containerID }) => containerID as string).sort()).toEqual(containers.map(({ id }) => id).sort());
  });

  test('a failure is in it: of a step, and of the call as the runtime sees it', () => {
    using node = createNode();
    const pods = runtime(node, artifact, logged(node, { ipam: ipam(node, ['10.89.0.0/30']) }, { level: 'error' }));
    succeeded(pods.add(node.container()));
    expect(existsSync(fileOf(node))).toBe(false);
    const error = failed(pods.add(node.container()));
    const [step, end, ...others] = linesOf(node);
    expect(step).toMatchObject({ level: 'error', step: 'take addresses', error: error.msg });
    expect(end).toMatchObject({ level: 'error', msg: 'failed', error: { code: 103, msg: error.msg } });
    expect(others).toEqual([]);
  });

  test('a configuration that is refused is in it', () => {
    using node = createNode();
    const error = failed(runtime(node, artifact, logged(node, { mtu: 'large' })).add(node.container()));
    expect(linesOf(node)).toMatchObject([{ level: 'error', error: { code: 7, msg: error.msg } }]);
  });

  test('a warning is in it and on stderr', () => {
    using node = createNode();
    const outcome = runtime(node, artifact, logged(node, { isgateway: true }, { level: 'warn' })).add(node.container());
    succeeded(outcome);
    expect(outcome.stderr).toContain('"isgateway"');
    expect(linesOf(node)).toMatchObject([{ level: 'warn', msg: expect.stringContaining('"isgateway"') }]);
  });

  test('the process of another IPAM has a step of its own', () => {
    using node = createNode();
    const addresses = [{ address: '10.95.0.9/24', gateway: '10.95.0.1' }];
    const config = logged(node, { cniVersion: '1.0.0', ipam: { type: 'static', addresses, dataDir: node.dataDir } });
    succeeded(runtime(node, artifact, config).add(node.container(), { path: REFERENCE_DIRECTORY }));
    expect(stepsOf(linesOf(node), 'ADD')).toContain('have static do ADD');
  });
});

/** What may stand in the log's place. */
const BAD: [string, (path: string) => void, string][] = [
  ['a pipe', (path) => run(['mkfifo', path]), 'not a regular file'],
  ['a directory', (path) => mkdirSync(path), 'not a regular file'],
  ['a device that never answers', (path) => run(['mknod', path, 'c', '5', '1']), 'not a regular file'],
  ['a link', (path) => symlinkSync(`${path}.target`, path), 'not a regular file'],
];

e2e('a log that cannot be written', (artifact) => {
  test.each(BAD)('%s: everything goes on, with one warning on stderr', (_, make, reason) => {
    using node = createNode();
    const open = join(node.directory, 'open');
    mkdirSync(open);
    chmodSync(open, 0o1777);
    const file = join(open, 'trestle.log');
    writeFileSync(`${file}.target`, 'precious');
    make(file);
    const pods = runtime(node, artifact, network(node, { log: { file } }));
    const container = node.container();
    const calls = [pods.add(container), pods.check(container), pods.del(container)];
    for (const outcome of calls) {
      succeeded(outcome);
      expect(outcome.stderr).toMatch(new RegExp(`^trestle: warn: cannot write the log ${file}: .*${reason}.*\n$`));
      expect(outcome.ms).toBeLessThan(5_000);
    }
    expect(readFileSync(`${file}.target`, 'utf8')).toBe('precious');
  });

  test.each(['/nonexistent/trestle.log', '/proc/trestle.log'])('%s likewise', (file) => {
    using node = createNode();
    const outcome = runtime(node, artifact, network(node, { log: { file } })).add(node.container());
    succeeded(outcome);
    expect(outcome.stderr).toContain('cannot write the log');
  });
});

e2e('without a log', (artifact) => {
  test('no file is opened for it, and nothing is said', () => {
    using node = createNode();
    const spy = traced(node, artifact, '-e trace=openat,open');
    const outcome = runtime(node, spy.artifact, network(node, { log: { level: 'debug' } })).add(node.container());
    succeeded(outcome);
    expect(outcome.stderr).toBe('');
    expect(spy.lines().filter((line) => line.includes('O_APPEND'))).toEqual([]);
  });
});

describeOnKernel('the IPAM plugin', () => {
  test('keeps the same log', () => {
    using node = createNode();
    const container = node.container();
    const config = logged(node, { type: 'bridge' });
    succeeded(cni(node, { artifact: ipamArtifact, command: 'ADD', container, config }));
    succeeded(cni(node, { artifact: ipamArtifact, command: 'DEL', container, config }));
    expect(stepsOf(linesOf(node), 'ADD')).toEqual(['take addresses', 'done']);
    expect(stepsOf(linesOf(node), 'DEL')).toEqual(['release the addresses', 'done']);
  });
});
