/** The log file of a call, as far as the kernel is not needed: what its lines say, and that it never gets in the way. */

import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment, type Variables } from '../../../src/cni/environment.ts';
import { openJournal } from '../../../src/cni/journal.ts';
import { Fault } from '../../../src/fault.ts';
import { faultOf } from '../../support/fault.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { ADD, requestOf, testLog } from '../plugins/bridge/requests.ts';

const POD = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0';
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

interface Line extends Record<string, unknown> {
  readonly level: string;
}

function linesOf(path: string): Line[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

/** A journal in a file of its own, on which something is done. */
function journalled(act: (journal: ReturnType<typeof openJournal>) => void, level?: string, variables: Variables = {}) {
  const file = join(scratchDirectory(), 'trestle.log');
  const { log, lines: said } = testLog();
  act(
    openJournal(
      readEnvironment({ ...ADD, ...variables }),
      { name: 'pods', log: { file, ...(level !== undefined && { level }) } },
      log,
    ),
  );
  return { lines: existsSync(file) ? linesOf(file) : [], said, file };
}

test('a line says when, of which call, how bad, which step, and how long it took', () => {
  const { lines } = journalled(({ step }) => expect(step('plug in', () => 7)).toBe(7), undefined, {
    CNI_ARGS: POD,
    TRACEPARENT,
  });
  const { time, ms, ...line } = lines[0] as Line;
  expect(line).toEqual({
    level: 'info',
    command: 'ADD',
    pid: process.pid,
    containerID: 'abc',
    ifname: 'eth0',
    network: 'pods',
    pod: 'shop/web-0',
    traceparent: TRACEPARENT,
    step: 'plug in',
  });
  expect(Date.now() - Date.parse(String(time))).toBeWithin(0, 60_000);
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  expect(ms).toBeWithin(0, 60_000);
});

test('what is not known is not there', () => {
  const { lines } = journalled(({ step }) => step('x', () => 0), undefined, { CNI_COMMAND: 'GC', CNI_CONTAINERID: '' });
  expect(Object.keys(lines[0] as Line)).toEqual(['time', 'level', 'command', 'pid', 'ifname', 'network', 'step', 'ms']);
});

test('a step that fails says why, and fails as it did', () => {
  const fault = new Fault('conflict', 'cannot do it:\nno', { details: 'try' });
  const { lines } = journalled(({ step }) => {
    expect(
      faultOf(() =>
        step('plug in', () => {
          throw fault;
        }),
      ),
    ).toBe(fault);
  });
  expect(lines[0]).toMatchObject({ level: 'error', step: 'plug in', error: 'cannot do it: no' });
});

test('a step takes as long as it takes', () => {
  const { lines } = journalled(({ step }) => step('wait', () => Bun.sleepSync(30)));
  expect(lines[0]?.ms).toBeWithin(29, 60_000);
});

test('the end is the result, or the error as it is printed, with the time of all', () => {
  const result = { cniVersion: '1.0.0', ips: [] };
  const { lines } = journalled((journal) => {
    Bun.sleepSync(20);
    journal.succeeded(result);
    journal.succeeded(undefined);
    journal.failed({ cniVersion: '1.0.0', code: 101, msg: 'cannot', details: 'try' });
  });
  expect(lines).toMatchObject([
    { level: 'info', msg: 'done', result },
    { level: 'info', msg: 'done' },
    { level: 'error', msg: 'failed', error: { code: 101, msg: 'cannot', details: 'try' } },
  ]);
  for (const { ms } of lines) expect(ms).toBeWithin(19, 60_000);
});

describe('a level', () => {
  test.each([
    ['debug', ['debug', 'info', 'debug', 'info', 'warn', 'error']],
    ['info', ['info', 'info', 'warn', 'error']],
    [undefined, ['info', 'info', 'warn', 'error']],
    ['', ['info', 'info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ])('of %p keeps what is as bad or worse; stderr gets what it always got', (level, expected) => {
    const { lines, said } = journalled(({ log, step }) => {
      step('x', () => 0);
      for (const one of ['debug', 'info', 'warn', 'error'] as const) log(one, `a ${one}`);
    }, level);
    expect(lines.map((line) => line.level)).toEqual(expected);
    expect(said).toEqual(['debug: a debug', 'info: a info', 'warn: a warn', 'error: a error']);
  });

  test('of debug begins with what the runtime asked for', () => {
    const { lines } = journalled(({ step }) => step('x', () => 0), 'debug', { CNI_ARGS: POD });
    expect(lines[0]).toMatchObject({ level: 'debug', netns: '/run/netns/x', args: POD, config: { name: 'pods' } });
  });
});

describe('a file that cannot be written', () => {
  test('is told once, and nothing fails', () => {
    const directory = scratchDirectory();
    const file = join(directory, 'link');
    symlinkSync('/etc/passwd', file);
    const { log, lines } = testLog();
    const journal = openJournal(readEnvironment(ADD), { log: { file } }, log);
    expect(journal.step('a', () => 1)).toBe(1);
    journal.log('warn', 'a warning');
    journal.succeeded({});
    expect(lines).toEqual([
      `warn: cannot write the log ${file}: it is not a regular file; going on without it`,
      'warn: a warning',
    ]);
  });

  test('is not even looked for before there is something to write', () => {
    const { said } = journalled(() => undefined);
    expect(said).toEqual([]);
  });
});

describe('the configuration', () => {
  test.each<[object, string]>([
    [{ log: 'x' }, 'log: expected an object, found the string "x"'],
    [{ log: { file: 7 } }, 'log.file: expected a string, found 7'],
    [{ log: { file: 'trestle.log' } }, 'log.file: "trestle.log" is not an absolute path'],
    [{ log: { level: 'loud' } }, 'log.level: "loud" is not a level; levels are debug, info, warn, error'],
    [{ log: { level: 3 } }, 'log.level: expected a string, found 3'],
  ])('%p is refused', (config, reason) => {
    const fault = faultOf(() => requestOf(config));
    expect([fault.kind, fault.message]).toEqual(['config', `cannot use the configuration: ${reason}`]);
  });

  test.each([{}, { log: {} }, { log: { file: '' } }, { log: { level: 'debug' } }, { log: { file: 7 } }, { log: [] }])(
    '%p keeps no log',
    (config) => {
      const { log, lines } = testLog();
      const journal = openJournal(readEnvironment(ADD), config, log);
      journal.step('x', () => 0);
      journal.succeeded({});
      expect(lines).toEqual([]);
    },
  );

  test('may be spelt in another case, as everywhere', () => {
    const file = join(scratchDirectory(), 'trestle.log');
    openJournal(readEnvironment(ADD), { LOG: { File: file } }, testLog().log).succeeded({});
    expect(linesOf(file)).toHaveLength(1);
  });
});
