/** docs/errors.md against the source: every code and every message is in it, and nothing that is not there any more. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cniErrorOf } from '../../../src/cni/error.ts';
import { Fault, type FaultKind } from '../../../src/fault.ts';
import { literalsOf } from '../../support/literals.ts';
import { codeOf, tablesOf } from '../../support/tables.ts';

const ROOT = join(import.meta.dir, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const TABLES = tablesOf(read('docs/errors.md'));
const ROWS = TABLES.filter(({ columns }) => columns[0] === 'message').flatMap(({ rows }) => rows);

interface Message {
  /** What it begins with, up to the reason. */
  readonly head: string;
  /** Undefined where the place does not say. */
  readonly kind: string | undefined;
}

/** What is thrown as a Fault or begins with "cannot". */
function messagesOf(path: string): Message[] {
  const source = read(path);
  return literalsOf(source).flatMap(({ index, text }) => {
    const before = source.slice(Math.max(0, index - 120), index);
    const kind = /new Fault\(\s*([^,]*),\s*$/.exec(before)?.[1];
    // Findings of CHECK; those of the store are reasons why leases cannot be confirmed.
    const isFinding = /\boff\(\s*$/.test(before) && !path.startsWith('src/ipam');
    const isMessage =
      kind !== undefined || isFinding || /const message =\s*$/.test(before) || text.startsWith('cannot ');
    if (!isMessage) return [];
    const head = text.split(/: |, expected/)[0] as string;
    return [{ head, kind: isFinding ? 'check' : /^'(\w+)'$/.exec(kind ?? '')?.[1] }];
  });
}

/** What only the operator's commands say. It has no code, and says itself what to do. */
const OPERATOR = /^src\/(?:cli\/|netlink\/probe\/|resources\/reconcile\.ts)/;

const MESSAGES = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)]
  .filter((path) => !OPERATOR.test(path))
  .flatMap(messagesOf);
const KINDS = [...read('src/fault.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map((found) => found[1] as FaultKind);
const codeFor = (kind: string) => String(cniErrorOf(new Fault(kind as FaultKind, 'x'), '1.0.0').code);

test('every code has its row, and every row is a code', () => {
  expect(KINDS.length).toBeGreaterThan(10);
  const rows = TABLES.find(({ heading }) => heading === 'Codes')?.rows.map(([code]) => code as string) ?? [];
  expect(rows).toEqual([...new Set(KINDS.map(codeFor))].sort((a, b) => Number(a) - Number(b)));
});

test('every message has its row', () => {
  expect(MESSAGES.length).toBeGreaterThan(50);
  const known = new Set(ROWS.map(([message]) => codeOf(message as string)));
  expect([...new Set(MESSAGES.map(({ head }) => head))].filter((head) => !known.has(head))).toEqual([]);
});

test('every row is a message, once', () => {
  const heads = new Set(MESSAGES.map(({ head }) => head));
  const documented = ROWS.map(([message]) => codeOf(message as string));
  expect(documented.filter((head) => !heads.has(head))).toEqual([]);
  expect(documented.filter((head, at) => documented.indexOf(head) !== at)).toEqual([]);
});

test('the codes of a message are those that it is thrown with', () => {
  const missing = MESSAGES.flatMap(({ head, kind }) => {
    const codes = ROWS.find(([message]) => message === `\`${head}\``)?.[1]?.split(', ') ?? [];
    return kind === undefined || codes.includes(codeFor(kind)) ? [] : [`${head}: ${codeFor(kind)}`];
  });
  expect(missing).toEqual([]);
});

test('every row says what it means and what to do', () => {
  expect(ROWS.filter(([, , meaning, advice]) => !meaning || !advice)).toEqual([]);
});
