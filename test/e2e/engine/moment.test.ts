/** What differs from start to start, and what must not. */

import { expect, test } from 'bun:test';
import { answering, answerOf, runIt } from './support/program.ts';

test('random numbers differ from start to start, and are from 0 to below 1', async () => {
  const path = await answering('return Array.from({ length: 1000 }, Math.random);');
  const [one, other] = [answerOf(runIt(path)), answerOf(runIt(path))] as [number[], number[]];
  expect(new Set([...one, ...other]).size).toBe(2000);
  for (const number of [...one, ...other]) expect(number >= 0 && number < 1).toBe(true);
  const mean = one.reduce((sum, number) => sum + number, 0) / one.length;
  expect(mean).toBeWithin(0.4, 0.6);
});

test('the date is now', async () => {
  const path = await answering('return [Date.now(), new Date().getTime(), Date.parse(new Date().toISOString())];');
  const before = Date.now();
  for (const time of answerOf(runIt(path)) as number[]) expect(time).toBeWithin(before - 1, Date.now() + 1);
});

test('time zones are neither read nor followed', async () => {
  const path = await answering('return [new Date(0).getHours(), new Date(0).getTimezoneOffset()];');
  expect(answerOf(runIt(path, [], { env: { TZ: 'Asia/Tokyo' } }))).toEqual([0, 0]);
});

test('the monotonic clock goes on while the program sleeps', async () => {
  const path = await answering('const t = host.monotonicMs(); host.sleepMs(1050); return host.monotonicMs() - t;');
  expect(answerOf(runIt(path))).toBeWithin(1049, 5000);
});

test('environment and arguments are those of the start, also where they are no text', async () => {
  const path = await answering('return [args, environment()];');
  const sh = ['/bin/sh', '-c', `export B="$(printf 'a\\377b')" __proto__=c; exec "$0" "$(printf '\\303(')" '' é`];
  const [args, env] = answerOf(runIt(path, [], { before: sh, env: { A: 'x=y', E: '' } })) as [string[], object];
  expect(args).toEqual(['\ufffd(', '', 'é']);
  expect(env).toMatchObject({ A: 'x=y', E: '', B: 'a\ufffdb' });
  expect(Object.hasOwn(env, '__proto__')).toBe(true);
});
