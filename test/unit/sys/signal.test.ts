import { expect, test } from 'bun:test';
import { constants } from 'node:os';
import { signalName } from '../../../src/sys/signal.ts';

test('signals have the names that Node knows them by', () => {
  const named = Object.entries(constants.signals).map(([name, number]) => [name, signalName(number)]);
  const synonyms: Record<string, string> = { SIGIOT: 'SIGABRT', SIGPOLL: 'SIGIO' };
  expect(named).toEqual(Object.keys(constants.signals).map((name) => [name, synonyms[name] ?? name]));
});

test('a real-time signal has a number', () => {
  expect(signalName(64)).toBe('signal 64');
});
