import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { withLock } from '../../../src/ipam/lock.ts';
import { removeRecord } from '../../../src/ipam/record.ts';
import { type Store, storeOf } from '../../../src/ipam/store.ts';
import { leaseAddresses, releaseAddresses, statusOf } from './api.ts';
import { faultOf, host, NETWORK, owner, plan, scratch, texts } from './support.ts';
import { startWorker, type Worker } from './workers.ts';

const SUBNET = '10.1.0.0/24';
const started: Worker[] = [];
afterAll(() => {
  for (const worker of started) worker.kill();
});

async function holder(dataDir: string): Promise<Worker> {
  const worker = startWorker(dataDir, SUBNET);
  started.push(worker);
  expect(await worker.ask<string>('hold')).toBe('holding');
  return worker;
}

/** The kernel's name for the process, at most 15 bytes. */
function comm(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

describe('a lock that another process holds', () => {
  test('is waited for until the deadline; the error names the process', async () => {
    const dataDir = scratch();
    const other = await holder(dataDir);
    const machine = host({ lockDeadlineMs: 150 });
    const before = performance.now();
    const fault = faultOf(() => leaseAddresses(plan(dataDir, [SUBNET]), owner('c1'), machine));
    expect(performance.now() - before).toBeWithin(145, 1000);
    expect(fault.kind).toBe('busy');
    const message = `cannot lock ${dataDir}/${NETWORK}/lock: process ${other.pid} (${comm(other.pid)}) holds it, waited 0.15 s`;
    expect(fault.message).toBe(message);
    expect(fault.details).toContain(`process ${other.pid}`);
    expect(faultOf(() => statusOf(plan(dataDir, [SUBNET]), machine)).kind).toBe('unavailable');
  });

  test('is free the moment that process is killed', async () => {
    const dataDir = scratch();
    const other = await holder(dataDir);
    other.kill();
    expect(texts(leaseAddresses(plan(dataDir, [SUBNET]), owner('c1'), host()))).toEqual(['10.1.0.2/24']);
  });

  test('and whose file is removed meanwhile is not mistaken for the one that is there', async () => {
    const dataDir = scratch();
    const other = await holder(dataDir);
    const path = `${dataDir}/${NETWORK}/lock`;
    const remover = Bun.spawn(['sh', '-c', `sleep 0.1; rm ${path}; kill -9 ${other.pid}`]);
    withLock(storeOf(dataDir, NETWORK), host(), () => expect(existsSync(path)).toBe(true));
    await remover.exited;
  });

  test('does not concern a DEL that has nothing to release', async () => {
    const dataDir = scratch();
    await holder(dataDir);
    expect(releaseAddresses(dataDir, owner('c1'), host({ lockDeadlineMs: 0 }))).toEqual([]);
  });
});

describe('the lock', () => {
  const store = (dataDir: string) => storeOf(dataDir, NETWORK);

  test('is free again after what was done under it threw', () => {
    const dataDir = scratch();
    expect(() =>
      withLock(store(dataDir), host(), () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(withLock(store(dataDir), host({ lockDeadlineMs: 0 }), () => 'in')).toBe('in');
  });

  test('must be held by what changes the store: the types say so', () => {
    const dataDir = scratch();
    // @ts-expect-error: a Store is not a LockedStore.
    const unlocked = (there: Store) => removeRecord(there, owner('c1'));
    expect(unlocked(store(dataDir))).toBe(false);
    expect(withLock(store(dataDir), host(), (locked) => removeRecord(locked, owner('c1')))).toBe(false);
  });

  test('keeps others out', () => {
    const dataDir = scratch();
    const inner = () => withLock(store(dataDir), host({ lockDeadlineMs: 20 }), () => 'in');
    const fault = withLock(store(dataDir), host(), () => faultOf(inner));
    expect(fault.message).toContain(`process ${process.pid} (`);
  });

  test('is one per network', () => {
    const dataDir = scratch();
    const inner = () => withLock(storeOf(dataDir, 'other'), host({ lockDeadlineMs: 0 }), () => 'in');
    expect(withLock(store(dataDir), host(), inner)).toBe('in');
  });

  test('is made again where somebody removed it', () => {
    const dataDir = scratch();
    withLock(store(dataDir), host(), () => rmSync(`${dataDir}/${NETWORK}`, { recursive: true }));
    withLock(store(dataDir), host(), () => expect(existsSync(`${dataDir}/${NETWORK}/lock`)).toBe(true));
  });

  test('that is a directory is said so', () => {
    const dataDir = scratch();
    mkdirSync(`${dataDir}/${NETWORK}/lock`, { recursive: true });
    const fault = faultOf(() => leaseAddresses(plan(dataDir, [SUBNET]), owner('c1'), host()));
    expect([fault.kind, fault.message]).toEqual(['io', expect.stringContaining('/lock: it is a directory')]);
  });
});
