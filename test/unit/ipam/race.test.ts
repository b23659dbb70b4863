import { afterAll, describe, expect, test } from 'bun:test';
import { files, scratch } from './support.ts';
import { startWorker, type Worker } from './workers.ts';

const PROCESSES = 8;
const SUBNET = '10.1.0.0/24';
const ADDRESSES = 253;
const started: Worker[] = [];
afterAll(() => {
  for (const worker of started) worker.kill();
});

function workers(dataDir: string, count = PROCESSES): Worker[] {
  const made = Array.from({ length: count }, () => startWorker(dataDir, SUBNET));
  started.push(...made);
  return made;
}

describe(`${PROCESSES} processes at once`, () => {
  test('fill a /24 to the last address and empty it, 20 times', async () => {
    const dataDir = scratch();
    const team = workers(dataDir);
    for (let round = 0; round < 20; round++) {
      const held = (await Promise.all(team.map((worker, at) => worker.ask<string[]>(`fill r${round}p${at}`)))).flat();
      expect(held).toHaveLength(ADDRESSES);
      expect(held.sort()).toEqual(files.leases(dataDir));
      expect(new Set(held.map((address) => files.text(dataDir, address))).size).toBe(ADDRESSES);
      expect(files.own(dataDir)).toHaveLength(ADDRESSES + 1);
      await Promise.all(team.map((worker) => worker.ask('empty')));
      expect([files.leases(dataDir), files.own(dataDir)]).toEqual([[], ['boot']]);
    }
  }, 120_000);

  test('never hold one address at the same time', async () => {
    const dataDir = scratch();
    const team = workers(dataDir);
    const spans = (
      await Promise.all(team.map((worker, at) => worker.ask<[string, string, string][]>(`churn p${at}`)))
    ).flat();
    expect(spans).toHaveLength(PROCESSES * 120);
    const inOrder = spans
      .map(([address, from, to]) => ({ address, from: BigInt(from), to: BigInt(to) }))
      .sort((a, b) => (a.from < b.from ? -1 : 1));
    const freeAt = new Map<string, bigint>();
    for (const { address, from, to } of inOrder) {
      expect(from > (freeAt.get(address) ?? 0n)).toBe(true);
      freeAt.set(address, to);
    }
    expect(freeAt.size).toBeLessThan(spans.length);
    expect(files.leases(dataDir)).toEqual([]);
  }, 60_000);

  test('that are killed at any moment leave what the next ones can put right', async () => {
    const dataDir = scratch();
    for (let round = 0; round < 5; round++) {
      const team = workers(dataDir, 4);
      await Promise.all(team.map((worker) => worker.ask('status')));
      const filling = team.map((worker, at) => worker.ask(`fill r${round}p${at}`).catch(() => undefined));
      await Bun.sleep(10 + round * 5);
      for (const worker of team) worker.kill();
      await Promise.all(filling);
    }
    expect(files.leases(dataDir).length).toBeGreaterThan(5);
    const held = files.leases(dataDir).map((address) => files.text(dataDir, address).replace('\r\n', ':'));
    expect(new Set(held).size).toBe(held.length);
    const recorded = files.own(dataDir).filter((name) => name.includes(':'));
    expect(held.filter((holder) => !recorded.includes(holder))).toEqual([]);
    const last = startWorker(dataDir, SUBNET);
    started.push(last);
    for (const name of recorded) await last.ask(`del ${name.split(':')[0]}`);
    expect(files.leases(dataDir)).toEqual([]);
    expect(await last.ask<string[]>('fill after')).toHaveLength(ADDRESSES);
  }, 60_000);
});
