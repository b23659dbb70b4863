/** How a test run counts: on the reports that Bun writes. */

import { describe, expect, test } from 'bun:test';
import { parseJunit } from '../../runner/junit.ts';
import { check } from '../../runner/report.ts';
import { count } from '../../runner/suite.ts';
import { totals } from '../../runner/summary.ts';
import type { ToolRun } from '../../runner/tool.ts';

const XML = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="5" assertions="0" failures="2" skipped="2" time="0.08">
  <testsuite name="test/unit/a.test.ts" file="test/unit/a.test.ts" tests="5" failures="2" skipped="2">
    <testcase name="plain" classname="" time="0.01" file="test/unit/a.test.ts" line="6" assertions="0" />
    <testsuite name="group" file="test/unit/a.test.ts" line="7" tests="4">
      <testcase name="a &lt;b&gt;" classname="inner &gt; outer &quot;q&quot;" time="0.01" file="test/unit/a.test.ts" line="7">
        <failure type="Error" message="x &lt;&amp;&gt;">Error: x&#10; at a.test.ts:7:156&#10;</failure>
      </testcase>
      <testcase name="c (skipped: it needs root)" classname="group" time="0" file="test/unit/a.test.ts" line="8">
        <skipped />
      </testcase>
      <testcase name="d" classname="group" time="0" file="test/unit/a.test.ts" line="8">
        <skipped message="TODO" />
      </testcase>
    </testsuite>
  </testsuite>
  <testsuite name="test/unit/b.test.ts" file="test/unit/b.test.ts" tests="1" failures="1">
    <testcase name="(worker crashed)" classname="" time="0" file="test/unit/b.test.ts" assertions="0">
      <failure type="Error" message="worker process crashed before reporting results" />
    </testcase>
  </testsuite>
</testsuites>`;

const FILES = ['test/unit/a.test.ts', 'test/unit/b.test.ts'];

describe('a report', () => {
  test('names each test with its groups, and what came of it', () => {
    expect(parseJunit(XML).map(({ name, state }) => [name, state])).toEqual([
      ['plain', 'passed'],
      ['outer "q" > inner > a <b>', 'failed'],
      ['group > c (skipped: it needs root)', 'skipped'],
      ['group > d', 'skipped'],
      ['(worker crashed)', 'failed'],
    ]);
  });

  test('that was never written has no tests', () => {
    expect(parseJunit('')).toEqual([]);
  });
});

describe('a suite', () => {
  test('is counted by its tests', () => {
    const report = count({ name: 'unit' }, FILES, ended(1), parseJunit(XML));
    expect(report).toMatchObject({
      passed: [`${FILES[0]}: plain`],
      skipped: [expect.stringContaining('it needs root'), expect.anything()],
    });
    expect(report.failed).toEqual([`${FILES[0]}: outer "q" > inner > a <b>`, `${FILES[1]}: (worker crashed)`]);
  });

  test('says what it is, and the figures that its tests print', () => {
    const tool = { ...ended(0), output: 'bun test\n» 3 strikes\nx » y\n' };
    const { notes } = count({ name: 'unit', note: 'short form' }, FILES.slice(0, 1), tool, parseJunit(XML));
    expect(notes).toEqual(['short form', '» 3 strikes']);
  });

  test('with a file that the report does not know has failed', () => {
    const { failed } = count({ name: 'unit' }, [...FILES, 'test/unit/c.test.ts'], ended(1), parseJunit(XML));
    expect(failed).toContain('test/unit/c.test.ts: no test in it has run');
  });

  test('whose process failed has failed, even where no test did', () => {
    const passing = parseJunit(XML).filter((found) => found.state === 'passed');
    const { failed } = count({ name: 'unit' }, FILES.slice(0, 1), ended(null, 'stopped after 600 s'), passing);
    expect(failed).toEqual(['bun test: stopped after 600 s, though no test failed']);
  });
});

describe('the last line', () => {
  const tests = count({ name: 'unit' }, FILES, ended(1), parseJunit(XML));

  test('adds up tests, and checks that failed', () => {
    expect(totals([check('build', ended(0)), check('lint', ended(1)), tests], false)).toEqual({ passed: 1, failed: 3 });
  });

  test('takes what was skipped for failed, where nothing may be skipped', () => {
    expect(totals([tests], true)).toEqual({ passed: 1, failed: 4 });
  });
});

function ended(status: number | null, ending = `exit status ${status}`): ToolRun {
  return { command: 'bun test', status, ending, output: '', ms: 1 };
}
