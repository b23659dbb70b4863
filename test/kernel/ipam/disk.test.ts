/** The store on file systems that refuse: full, read-only, forbidden. Each in a mount namespace of its own. */

import { afterAll, expect, test } from 'bun:test';
import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describeOnKernel } from '../../support/privilege.ts';
import { run } from '../../support/process.ts';
import { NETWORK, scratch } from '../../unit/ipam/support.ts';
import { startWorker, type Worker } from '../../unit/ipam/workers.ts';

const SUBNET = '10.1.0.0/24';
const started: Worker[] = [];
afterAll(() => {
  for (const worker of started) worker.kill();
});

interface Refusal {
  readonly kind: string;
  readonly message: string;
}

/** A worker that sees a small tmpfs in place of the directory. */
function onTmpfs(dataDir: string): Worker {
  const script = 'mount -t tmpfs -o size=128k,mode=700 tmpfs "$0" && exec "$@"';
  const worker = startWorker(dataDir, SUBNET, ['unshare', '--mount', 'sh', '-c', script, dataDir]);
  started.push(worker);
  return worker;
}

/** The directory as the worker sees it. */
function seenBy(worker: Worker, dataDir: string): string {
  return `/proc/${worker.pid}/root${dataDir}`;
}

function filesIn(directory: string): string[] {
  const leases = readdirSync(`${directory}/${NETWORK}`);
  return [...leases, ...readdirSync(`${directory}/.trestle/${NETWORK}`)].sort();
}

describeOnKernel('a data directory', () => {
  test('that is full: the ADD says so and leaves nothing, DEL still works, and so does ADD once there is room', async () => {
    const dataDir = scratch();
    const worker = onTmpfs(dataDir);
    expect(await worker.ask<string>('add c1')).toBe('10.1.0.2');
    const directory = seenBy(worker, dataDir);
    const before = filesIn(directory);
    expect(() => writeFileSync(`${directory}/filler`, Buffer.alloc(1 << 20))).toThrow('ENOSPC');
    const refusal = await worker.ask<Refusal>('add c2');
    expect([refusal.kind, refusal.message]).toEqual([
      'io',
      expect.stringContaining('no space left on device (ENOSPC)'),
    ]);
    expect(filesIn(directory)).toEqual(before);
    expect((await worker.ask<Refusal>('status')).message).toContain('ENOSPC');
    expect(await worker.ask<string[]>('del c1')).toEqual(['10.1.0.2']);
    rmSync(`${directory}/filler`);
    expect(await worker.ask<number[]>('status')).toEqual([253]);
    expect(await worker.ask<string>('add c2')).toBe('10.1.0.3');
  });

  test('that is read-only: each verb says so, and works once it is not', async () => {
    const dataDir = scratch();
    const worker = onTmpfs(dataDir);
    await worker.ask('add c1');
    const mount = (options: string) =>
      run(['nsenter', '--mount', `--target=${worker.pid}`, 'mount', '-o', options, dataDir]);
    mount('remount,ro');
    for (const [command, kind] of [
      ['add c2', 'io'],
      ['del c1', 'io'],
      ['status', 'unavailable'],
    ] as const) {
      const refusal = await worker.ask<Refusal>(command);
      expect([refusal.kind, refusal.message]).toEqual([kind, expect.stringContaining('read-only file system (EROFS)')]);
    }
    expect(await worker.ask<string[]>('del unknown')).toEqual([]);
    mount('remount,rw');
    expect(await worker.ask<string>('add c2')).toBe('10.1.0.3');
    expect(await worker.ask<string[]>('del c1')).toEqual(['10.1.0.2']);
  });

  test('that may not be written: each verb says so, and works once it may', async () => {
    const dataDir = scratch();
    // Still root, so that it can read the sources wherever they are, but without the power to pass over permission bits.
    const worker = startWorker(dataDir, SUBNET, ['setpriv', '--bounding-set=-dac_override,-dac_read_search']);
    started.push(worker);
    chmodSync(dataDir, 0o555);
    for (const [command, kind] of [
      ['add c1', 'io'],
      ['status', 'unavailable'],
    ] as const) {
      const refusal = await worker.ask<Refusal>(command);
      expect([refusal.kind, refusal.message]).toEqual([kind, expect.stringContaining('permission denied (EACCES)')]);
    }
    expect(readdirSync(dataDir)).toEqual([]);
    chmodSync(dataDir, 0o755);
    expect(await worker.ask<string>('add c1')).toBe('10.1.0.2');
  });
});
