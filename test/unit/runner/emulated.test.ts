/** What the runner makes of what the virtual machine left in the directory of exchange, and what goes into the machine. */

import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gather } from '../../runner/emulated/job.ts';
import { modulesOf } from '../../runner/emulated/modules.ts';
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
    expect(gather('kernel61', exchange, FILES, [ended(0), ended(0)])).toMatchObject({
      passed: [`${FILES[0]}: fine`, `${FILES[1]}: good`],
      failed: [`${FILES[1]}: bad`],
      skipped: [`${FILES[1]}: none`],
      output: expect.stringContaining('output of 1'),
    });
  });

  test('says on what they ran', () => {
    for (const number of [0, 1]) left(number, 0, testcase(number, 'fine'));
    const machine = ended(0, undefined, 'Booting\r\n» Linux 6.1, aarch64, pages of 4 KiB\r\nPower down\r\n');
    expect(gather('kernel61', exchange, FILES, [machine, machine]).notes).toEqual([
      '» Linux 6.1, aarch64, pages of 4 KiB',
    ]);
  });

  test('of a machine that was stopped has what had ended until then, and what had not as failed', () => {
    left(0, 0, testcase(0, 'fine'));
    const { passed, failed } = gather('kernel61', exchange, FILES, [ended(0), ended(null, 'stopped after 480 s')]);
    expect(passed).toEqual([`${FILES[0]}: fine`]);
    expect(failed).toEqual([`${FILES[1]}: no test in it has run`, 'a machine: stopped after 480 s']);
  });

  test('of a machine that did not get as far is one failure, with what the console said', () => {
    const report = gather('kernel61', exchange, FILES, [ended(1)]);
    expect(report).toMatchObject({ failed: ['no test has run; a machine: exit status 1'], output: 'console' });
  });

  test('does not overlook a status that no test explains', () => {
    left(0, 137, testcase(0, 'fine'));
    left(1, 0, testcase(1, 'good'));
    expect(gather('kernel61', exchange, FILES, [ended(0), ended(0)]).failed).toEqual([
      `bun test: ${FILES[0]}: exit status 137, though no test failed`,
    ]);
  });
});

test('modules come with those that they need, and without the others', () => {
  const dependencies = [
    'kernel/net/bridge/bridge.ko: kernel/net/802/stp.ko kernel/net/llc/llc.ko',
    'kernel/net/llc/llc.ko:',
    'kernel/net/802/stp.ko: kernel/net/llc/llc.ko',
    'kernel/drivers/net/dummy.ko:',
    'kernel/drivers/net/usb/dummy_hcd.ko: kernel/drivers/usb/core.ko',
    'kernel/net/9p/9pnet_virtio.ko: kernel/drivers/virtio/virtio.ko',
    'kernel/drivers/net/veth.ko.xz:',
    '',
  ].join('\n');
  expect(modulesOf(dependencies)).toEqual([
    'kernel/drivers/net/dummy.ko',
    'kernel/drivers/net/veth.ko.xz',
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

function ended(status: number | null, ending = `exit status ${status}`, output = 'console'): ToolRun {
  return { command: 'qemu-system-x86_64', status, ending, output, ms: 1 };
}
