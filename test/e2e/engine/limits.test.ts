/** Memory and stack have ends, which a program meets as errors that it can catch. */

import { describe, expect, test } from 'bun:test';
import { answering, answerOf, runIt } from './support/program.ts';

const MIB = 1024 * 1024;
/** The most memory that the program has had, in bytes. */
const PEAK = "Number(/VmHWM:\\s*(\\d+) kB/.exec(readText('/proc/self/status'))[1]) * 1024";

/** Fills the heap, says what was thrown, and goes on. */
function filling(more: string): Promise<string> {
  return answering(`
    let kept = [];
    let thrown;
    try { for (;;) ${more} } catch (error) { thrown = error === null ? 'null' : error.message; }
    kept = undefined;
    return [thrown, JSON.stringify(Array.from({ length: 1000 }, (_, at) => ({ at }))).length, ${PEAK}];`);
}

describe('a heap that is full', () => {
  test.each([
    ['of large things', 'kept.push(new Uint8Array(100_000));'],
    ['of small things', 'kept.push({ a: kept.length });'],
    ['of one text', "{ kept = kept + 'text'.repeat(100_000); kept.charCodeAt(0); }"],
    ['of circles', '{ const circle = { kept }; circle.self = circle; kept = circle; }'],
  ])('%s throws, and what is let go can be used again', async (_, more) => {
    const path = await filling(more);
    for (const limit of [[], ['prlimit', `--as=${64 * MIB}`], ['prlimit', `--as=${8 * MIB}`]]) {
      const [thrown, length, peak] = answerOf(runIt(path, [], { before: limit })) as [string, number, number];
      expect(thrown).toMatch(/^(out of memory|null|invalid string length)$/);
      expect(length).toBe(11_891 - 1000);
      expect(peak).toBeLessThan(300 * MIB);
    }
  });
});

test('garbage that refers to itself is collected before it fills the heap', async () => {
  const path = await answering(`
    for (let made = 0; made < 1_000_000; made++) { const circle = { made }; circle.self = circle; }
    return ${PEAK};`);
  expect(answerOf(runIt(path))).toBeLessThan(32 * MIB);
});

test('10 MB of JSON are read and written', async () => {
  const path = await answering('const all = input(); return [all.length, all.at(-1), JSON.stringify(all).length];');
  const entries = Array.from({ length: 200_000 }, (_, at) => ({ key: `value ${at}`, list: [at, at + 1] }));
  const input = JSON.stringify(entries);
  expect(input.length).toBeGreaterThan(8 * MIB);
  expect(answerOf(runIt(path, [], { input }))).toEqual([entries.length, entries.at(-1), input.length]);
});

describe('what is nested too deeply throws', () => {
  const attempts = `
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const down = () => 1 + down();
    const nested = () => { let list = []; for (let depth = 0; depth < 1e6; depth++) list = [list]; return JSON.stringify(list); };
    const attempts = [() => JSON.parse(deep), down, nested, () => /(a|b)*c/.test('ab'.repeat(1e6))];
    return attempts.map((attempt) => { try { return typeof attempt(); } catch (error) { return error.message; } });`;

  test.each([
    [[]],
    [['prlimit', '--stack=8388608']],
    [['prlimit', '--stack=262144']],
    [['prlimit', '--stack=unlimited']],
  ])('started by %j', async (before) => {
    const ran = runIt(await answering(attempts), [], { before });
    const [parsed, called, written] = answerOf(ran) as string[];
    expect([parsed, called, written]).toEqual(Array(3).fill('Maximum call stack size exceeded'));
  });
});
