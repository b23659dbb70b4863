import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import * as errno from '../../../src/sys/errno.ts';

const SRC = `${import.meta.dir}/../../../src`;
/** Linux's own, by name. */
const KNOWN = constants.errno as Record<string, number>;

test('every number has the name that it has on Linux', () => {
  const exported = Object.entries(errno).filter(([, value]) => typeof value === 'number') as [string, number][];
  expect(exported.length).toBeGreaterThan(10);
  for (const [name, number] of exported) {
    expect([name, number]).toEqual([errno.errnoName(number), KNOWN[name] ?? number]);
  }
  for (let number = 1; number < 134; number++) {
    const name = errno.errnoName(number);
    if (!name.startsWith('errno') && name in KNOWN) expect([name, KNOWN[name]]).toEqual([name, number]);
  }
});

test('every name that the source compares with is one that an error can have', () => {
  const files = [...new Bun.Glob('**/*.ts').scanSync(SRC)].filter((file) => file !== 'sys/errno.ts');
  const text = files.map((file) => readFileSync(`${SRC}/${file}`, 'utf8')).join('\n');
  const names = new Set(
    [...text.matchAll(/'(E(?!RROR'|STABLISHED')[A-Z0-9]{2,})'/g)].map(([, name]) => name as string),
  );
  expect(names.size).toBeGreaterThan(5);
  const has = (name: string) => KNOWN[name] !== undefined && errno.errnoName(KNOWN[name]) === name;
  expect([...names].filter((name) => !has(name))).toEqual([]);
});

describe('an errno in words', () => {
  test('is its meaning and its name', () => {
    expect([errno.errnoText(2), errno.errnoText(17)]).toEqual([
      'no such file or directory (ENOENT)',
      'already exists (EEXIST)',
    ]);
  });

  test('that nobody knows is its number', () => {
    expect([errno.errnoName(999), errno.errnoText(999)]).toEqual(['errno 999', 'errno 999']);
  });
});

test('signals have the names that Node knows them by', () => {
  const named = Object.entries(constants.signals).map(([name, number]) => [name, errno.signalName(number)]);
  const synonyms: Record<string, string> = { SIGIOT: 'SIGABRT', SIGPOLL: 'SIGIO' };
  expect(named).toEqual(Object.keys(constants.signals).map((name) => [name, synonyms[name] ?? name]));
});

test('a real-time signal has a number', () => {
  expect(errno.signalName(64)).toBe('signal 64');
});
