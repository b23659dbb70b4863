import { expect, test } from 'bun:test';
import { limited, type Strictness, strictnessOf } from '../../../src/cni/strictness.ts';
import { Fault } from '../../../src/fault.ts';
import { faultOf } from '../../support/fault.ts';

test.each<[string | undefined, Strictness]>([
  [undefined, 'lenient'],
  ['', 'lenient'],
  ['lenient', 'lenient'],
  ['strict', 'strict'],
])('status: %j is %s', (status, expected) => {
  expect(strictnessOf({ status })).toBe(expected);
});

test('any other value is refused', () => {
  const { kind, message, details } = faultOf(() => strictnessOf({ status: 'Strict' }));
  expect([kind, message]).toEqual([
    'config',
    'cannot use the configuration: status: the string "Strict" is neither "lenient" nor "strict"',
  ]);
  expect(details).toBe('Set it to one of the two, or remove the key.');
});

function outcomeOf(strictness: Strictness, thrown?: Error): string[] {
  const lines: string[] = [];
  const verify = () => {
    if (thrown !== undefined) throw thrown;
  };
  try {
    limited(verify, 'exhausted', 'unavailable', strictness, (level, text) => lines.push(`${level}: ${text}`));
  } catch (error) {
    const kind = error instanceof Fault ? error.kind : 'no Fault';
    lines.push(`${kind}: ${(error as Error).message}`, (error as Fault).details ?? '');
  }
  return lines;
}

test('a limit is a warning with what to do, or a failure of the kind that is asked for', () => {
  const fault = new Fault('exhausted', 'it is full', { details: 'Empty it.' });
  expect(outcomeOf('lenient', fault)).toEqual(['warn: it is full. Empty it.']);
  expect(outcomeOf('lenient', new Fault('exhausted', 'it is full'))).toEqual(['warn: it is full']);
  expect(outcomeOf('strict', fault)).toEqual(['unavailable: it is full', 'Empty it.']);
  for (const strictness of ['lenient', 'strict'] as const) {
    expect(outcomeOf(strictness)).toEqual([]);
    expect(outcomeOf(strictness, new Fault('unavailable', 'no disk'))).toEqual(['unavailable: no disk', '']);
    expect(outcomeOf(strictness, new Error('a defect'))).toEqual(['no Fault: a defect', '']);
  }
});
