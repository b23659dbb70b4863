import { expect, test } from 'bun:test';
import { createUndo } from '../../../src/resources/undo.ts';

function recorded() {
  const done: string[] = [];
  const lines: string[] = [];
  const undo = createUndo((level, message) => lines.push(`${level}: ${message}`));
  return { done, lines, undo, push: (what: string) => undo.push(what, () => void done.push(what)) };
}

test('what was done last is taken back first', () => {
  const { done, lines, undo, push } = recorded();
  for (const what of ['a', 'b', 'c']) push(what);
  expect(done).toEqual([]);
  undo.unwind();
  expect([done, lines]).toEqual([['c', 'b', 'a'], []]);
});

test('an inverse that fails is logged and does not hold up the others', () => {
  const { done, lines, undo, push } = recorded();
  push('remove a');
  undo.push('remove b', () => {
    throw new Error('device or\nresource busy');
  });
  push('remove c');
  undo.push('remove d', () => {
    throw 'text';
  });
  expect(() => undo.unwind()).not.toThrow();
  expect(done).toEqual(['remove c', 'remove a']);
  expect(lines).toEqual([
    'error: cannot remove d after a failure: text',
    'error: cannot remove b after a failure: device or resource busy',
  ]);
});

test('nothing is taken back twice', () => {
  const { done, undo, push } = recorded();
  push('a');
  undo.unwind();
  undo.unwind();
  push('b');
  undo.unwind();
  expect(done).toEqual(['a', 'b']);
});

test('nothing done, nothing taken back', () => {
  expect(() => recorded().undo.unwind()).not.toThrow();
});
