/** What comes on stdin. */

import { describe, expect, test } from 'bun:test';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseInput, readInput } from '../../../src/cni/stdio.ts';
import { faultOf } from '../../support/fault.ts';
import { run } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const MOST = 4 * 1024 * 1024;

/** Does something with an open file that has this content. */
function withFile<T>(content: string | Uint8Array, action: (fd: number) => T): T {
  const path = join(scratchDirectory(), 'stdin');
  writeFileSync(path, content);
  const fd = openSync(path, 'r');
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

describe('reading', () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 1_000_000])('%d bytes', (length) => {
    const text = 'ab'.repeat(length).slice(0, length);
    expect(withFile(text, readInput)).toBe(text);
  });

  test('letters of several bytes, wherever they are cut', () => {
    for (const lead of ['', 'x', 'xx'])
      expect(withFile(lead + '€'.repeat(70_000), readInput)).toBe(lead + '€'.repeat(70_000));
  });

  test('stops at 4 MiB', () => {
    expect(withFile('x'.repeat(MOST), readInput)).toHaveLength(MOST);
    const fault = faultOf(() => withFile('x'.repeat(MOST + 1), readInput));
    expect([fault.kind, fault.message]).toEqual([
      'decode',
      'cannot read the configuration: it is longer than 4194304 bytes',
    ]);
  });

  test('does not go on for ever where stdin has no end', () => {
    const fd = openSync('/dev/zero', 'r');
    expect(faultOf(() => readInput(fd)).kind).toBe('decode');
    closeSync(fd);
  });

  test('a pipe that does not block is waited for', async () => {
    const path = join(scratchDirectory(), 'pipe');
    run(['mkfifo', path]);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const script = 'exec 3>"$1"; echo open; sleep 0.05; printf "{\\"name\\":" >&3; sleep 0.05; printf "\\"x\\"}" >&3';
    const writer = Bun.spawn(['/bin/sh', '-c', script, 'sh', path], { stdout: 'pipe' });
    await writer.stdout.getReader().read();
    expect(readInput(fd)).toBe('{"name":"x"}');
    closeSync(fd);
    await writer.exited;
  });

  test('a closed pipe with nothing in it is empty', () => {
    expect(withFile('', readInput)).toBe('');
  });

  test.each([
    ['a directory', () => openSync('/', 'r')],
    ['a file that is open for writing only', () => openSync('/dev/null', 'w')],
  ])('%s is an input error', (_, open) => {
    const fd = open();
    const fault = faultOf(() => readInput(fd));
    expect(fault.kind).toBe('io');
    expect(fault.message).toStartWith('cannot read the configuration from stdin: ');
    closeSync(fd);
  });
});

describe('parsing', () => {
  test('an object is taken, with white space around it', () => {
    expect(parseInput(' \n{"name":"x","n":1,"list":[{"a":false}]}\n')).toEqual({
      name: 'x',
      n: 1,
      list: [{ a: false }],
    });
  });

  test('a null says nothing, at whatever depth', () => {
    const value = parseInput('{"name":null,"ipam":{"type":"x","subnet":null},"list":[{"a":null,"b":0}],"text":""}');
    expect(value).toStrictEqual({ ipam: { type: 'x' }, list: [{ b: 0 }], text: '' });
  });

  test('a null in a list stays, for an entry that is missing would be taken for one that is right', () => {
    expect(parseInput('{"a":[null,{"b":null}],"c":[[null]]}')).toStrictEqual({ a: [null, {}], c: [[null]] });
  });

  test('names that every object has are keys like others', () => {
    const value = parseInput('{"__proto__":{"bridge":"evil"},"constructor":1}');
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect([Object.getPrototypeOf(value), value.bridge]).toEqual([Object.prototype, undefined]);
  });

  test.each([
    ['', 'stdin is empty'],
    [' \n', 'stdin is empty'],
    ['[{"name":"x"}]', 'stdin is a list, expected a JSON object'],
    ['"text"', 'stdin is the string "text", expected a JSON object'],
    ['17', 'stdin is 17, expected a JSON object'],
    ['true', 'stdin is true, expected a JSON object'],
    ['null', 'stdin is null, expected a JSON object'],
  ])('%j is refused', (text, reason) => {
    const fault = faultOf(() => parseInput(text));
    expect([fault.kind, fault.message]).toEqual(['decode', `cannot read the configuration: ${reason}`]);
  });

  test.each(['{', '{"a":1}{"b":2}', 'x', '{a:1}', '{"a":1,}', '\0', `"${'x'.repeat(100_000)}`])(
    'what is no JSON is refused in one short line',
    (text) => {
      const fault = faultOf(() => parseInput(text));
      expect(fault.kind).toBe('decode');
      expect(fault.message).toStartWith('cannot read the configuration: stdin is not JSON: line 1, column ');
      expect(fault.message.length).toBeLessThan(300);
    },
  );

  test('what is nested very deep is refused or taken, and no crash', () => {
    const text = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    try {
      expect(Object.keys(parseInput(text))).toEqual(['a']);
    } catch {
      expect(faultOf(() => parseInput(text)).kind).toBe('decode');
    }
  });
});
