/** What the runner makes of what the virtual machine left in the directory of exchange, and what goes into the machine. */

import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modulesOf } from '../../runner/kernel61/modules.ts';
import { gather, select } from '../../runner/kernel61/step.ts';
import { filesOf as filesOfSuite } from '../../runner/suite.ts';
import type { ToolRun } from '../../runner/tool.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const FILES = ['test/kernel/a.test.ts', 'test/kernel/b.test.ts'];
const exchange = scratchDirectory();

beforeEach(() => {
  rmSync(exchange, { recursive: true });
  mkdirSync(exchange);
});
afterAll(() => rmSync(exchange, { recursive: true, force: true }));

describe('the report', () => {
  test('adds up the files', () => {
    left(0, 0, testcase(0, 'fine'));
    left(1, 1, testcase(1, 'good'), testcase(1, 'bad', '<failure />'), testcase(1, 'none', '<skipped />'));
    expect(gather(exchange, FILES, [ended(0), ended(0)])).toMatchObject({
      passed: [`${FILES[0]}: fine`, `${FILES[1]}: good`],
      failed: [`${FILES[1]}: bad`],
      skipped: [`${FILES[1]}: none`],
      output: expect.stringContaining('output of 1'),
    });
  });

  test('of a machine that was stopped has what had ended until then, and what had not as failed', () => {
    left(0, 0, testcase(0, 'fine'));
    const { passed, failed } = gather(exchange, FILES, [ended(0), ended(null, 'stopped after 480 s')]);
    expect(passed).toEqual([`${FILES[0]}: fine`]);
    expect(failed).toEqual([`${FILES[1]}: no test in it has run`, 'a machine: stopped after 480 s']);
  });

  test('of a machine that did not get as far is one failure, with what the console said', () => {
    const report = gather(exchange, FILES, [ended(1)]);
    expect(report).toMatchObject({ failed: ['no test has run; a machine: exit status 1'], output: 'console' });
  });

  test('does not overlook a status that no test explains', () => {
    left(0, 137, testcase(0, 'fine'));
    left(1, 0, testcase(1, 'good'));
    expect(gather(exchange, FILES, [ended(0), ended(0)]).failed).toEqual([
      `bun test: ${FILES[0]}: exit status 137, though no test failed`,
    ]);
  });
});

test('a run of everything says what of the kernel suite it leaves out; the whole leaves out nothing', () => {
  const [brief, whole] = [select([], false), select([], true)];
  const ofInterop = 'test/interop/differential-vlan.test.ts';
  const leftOut = filesOf('kernel').filter((file) => !brief.files.includes(file));
  expect(leftOut.filter((file) => !/kernel\/(harness\/|ipam\/kill)/.test(file))).toEqual([]);
  expect(brief.extent).toMatch(/without test\/kernel\/harness\/ and test\/kernel\/ipam\/kill.test.ts/);
  expect(brief.artifacts).toBe('dist/trestle');
  expect(brief.files).toContain(ofInterop);
  expect(whole.artifacts).toBe('all');
  expect([...whole.files].sort()).toEqual([...filesOf('e2e'), ofInterop, ...filesOf('kernel')]);
});

test('files that need the second kernel are in a run of everything', () => {
  const { files } = select([], false);
  const needing = [...filesOf('kernel'), ...filesOf('e2e')].filter((file) =>
    /\b(describeNeeding|e2eNeeding)\(/.test(readFileSync(file, 'utf8')),
  );
  expect(needing.filter((file) => !files.includes(file))).toEqual([]);
});

test('modules come with those that they need, and without the others', () => {
  const dependencies = [
    'kernel/net/bridge/bridge.ko: kernel/net/802/stp.ko kernel/net/llc/llc.ko',
    'kernel/net/llc/llc.ko:',
    'kernel/net/802/stp.ko: kernel/net/llc/llc.ko',
    'kernel/drivers/net/dummy.ko:',
    'kernel/drivers/net/usb/dummy_hcd.ko: kernel/drivers/usb/core.ko',
    'kernel/net/9p/9pnet_virtio.ko: kernel/drivers/virtio/virtio.ko',
    '',
  ].join('\n');
  expect(modulesOf(dependencies)).toEqual([
    'kernel/drivers/net/dummy.ko',
    'kernel/drivers/virtio/virtio.ko',
    'kernel/net/802/stp.ko',
    'kernel/net/9p/9pnet_virtio.ko',
    'kernel/net/bridge/bridge.ko',
    'kernel/net/llc/llc.ko',
  ]);
});

function left(number: number, status: number, ...cases: string[]): void {
  writeFileSync(join(exchange, `${number}.xml`), `<testsuites>${cases.join('')}</testsuites>`);
  writeFileSync(join(exchange, `${number}.log`), `output of ${number}`);
  writeFileSync(join(exchange, `${number}.status`), `${status}\n`);
}

function testcase(number: number, name: string, body = ''): string {
  return `<testcase name="${name}" classname="" file="${FILES[number]}">${body}</testcase>`;
}

function ended(status: number | null, ending = `exit status ${status}`): ToolRun {
  return { command: 'qemu-system-x86_64', status, ending, output: 'console', ms: 1 };
}

function filesOf(name: string): string[] {
  return filesOfSuite({ name });
}
