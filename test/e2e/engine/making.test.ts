/** What a program may do while it is being made: nothing that tells of the machine or the moment. */

import { describe, expect, test } from 'bun:test';
import { answering, answerOf, program, runIt } from './support/program.ts';

const START = 'host.start(() => 0);';
const UNKNOWN = 'the machine and the moment are not known while the program is being made';

describe('a program that asks while it is evaluated', () => {
  test.each([
    ['Date.now()', 'the current date'],
    ['new Date()', 'the current date'],
    ['Date()', 'the current date'],
    ['Math.random()', 'Math.random'],
    ['host.monotonicMs()', 'monotonicMs'],
    ['host.sleepMs(1)', 'sleepMs'],
    ['host.randomBytes(8)', 'randomBytes'],
    ['host.environment()', 'environment'],
    ['host.args()', 'args'],
    ['host.pid()', 'pid'],
    ['host.effectiveUser()', 'effectiveUser'],
    ['host.c.openat(-100, new Uint8Array([47, 0]), 0, 0)', 'openat'],
    ['host.c.write(1, new Uint8Array(1), 1)', 'write'],
    ['host.c.syscall(39)', 'syscall'],
    ['host.run(...Array(6).fill(new Uint8Array(1)))', 'run'],
    ['host.exit(0)', 'exit'],
  ])('%s is refused', async (code, what) => {
    await expect(program(`globalThis.kept = ${code}; ${START}`)).rejects.toThrow(`TypeError: ${what}: ${UNKNOWN}`);
  });

  test('may catch that, save where it asks for the date', async () => {
    expect(runIt(await program(`try { host.pid(); } catch {} ${START}`)).status).toBe(0);
    await expect(program(`try { Date.now(); } catch {} ${START}`)).rejects.toThrow(UNKNOWN);
  });
});

test('dates that do not depend on the moment may be made', async () => {
  const path = await program(`const then = new Date(0).toISOString(); host.start(() => then.length);`);
  expect(runIt(path).status).toBe(24);
});

test.each([
  ['1;', 'the program does not call host.start with a function'],
  ['host.start(1);', 'the program does not call host.start with a function'],
  ["throw new RangeError('no');", 'RangeError: no'],
])('%s makes no program', async (code, complaint) => {
  await expect(program(code)).rejects.toThrow(complaint);
});

test('what is made is a program, and takes no commands of the engine', async () => {
  const path = await answering('return args;');
  for (const command of ['make', 'compile', 'versions'])
    expect(answerOf(runIt(path, [command], { input: 'host.start(() => 3);' }))).toEqual([command]);
});

test('its source text is not in it', async () => {
  const path = await program(`const unusualName = () => 'a text'; ${START} globalThis.kept = unusualName;`);
  const bytes = Buffer.from(await Bun.file(path).arrayBuffer());
  expect(bytes.includes('a text')).toBe(true);
  expect(bytes.includes("unusualName = () => 'a text'")).toBe(false);
});

test('code cannot be made of text when it runs', async () => {
  const made = "const kinds = [() => eval('1'), () => new Function('return 1')()];";
  const path = await answering(
    `${made} return kinds.map((make) => { try { return make(); } catch { return 'no'; } });`,
  );
  expect(answerOf(runIt(path))).toEqual(['no', 'no']);
});
