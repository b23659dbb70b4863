/** Running another program from the engine. */

import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { answering, answerOf, runIt } from './support/program.ts';

const SHELL = await answering(`
  const [script, deadlineMs, length, ...rest] = args;
  const env = { PATH: '/usr/bin:/bin', A: 'b' };
  const call = { file: '/bin/sh', args: ['-c', script, 'sh', ...rest], env, deadlineMs: Number(deadlineMs) };
  return runProgram({ ...call, input: 'x'.repeat(Number(length)) });`);

interface Ended {
  readonly succeeded: boolean;
  readonly timedOut: boolean;
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function shell(
  script: string,
  { deadlineMs = 10_000, input = 0, args = [] as string[], before = [] as string[] } = {},
) {
  const started = performance.now();
  const ran = runIt(SHELL, [script, String(deadlineMs), String(input), ...args], { env: { HOME: '/' }, before });
  return { ...(answerOf(ran) as Ended), ms: performance.now() - started };
}

test('what it is given arrives, and nothing else does', () => {
  const ended = shell('cat; echo; echo "$1|$A|$HOME"; pwd; echo no >&2', { input: 2, args: ['-x é'] });
  expect(ended).toMatchObject({
    succeeded: true,
    status: 0,
    stdout: `xx\n-x é|b|\n${process.cwd()}\n`,
    stderr: 'no\n',
  });
});

test.each([
  ['exit 3', 3],
  ['kill -SEGV $$', 'SIGSEGV'],
])('how it ends is told: %s', (script, status) => {
  expect(shell(script)).toMatchObject({ succeeded: false, timedOut: false, status });
});

test('much goes in and comes out at the same time', () => {
  const ended = shell('cat; echo end >&2', { input: 3_000_000 });
  expect([ended.status, ended.stdout.length, ended.stderr]).toEqual([0, 3_000_000, 'end\n']);
});

test('input that is not read does no harm', () => {
  expect(shell('exec 0<&-; echo done', { input: 3_000_000 })).toMatchObject({ succeeded: true, stdout: 'done\n' });
});

test('what does not end in time is killed, with what it started', async () => {
  const ended = shell('echo $$; sleep 60 & sleep 60', { deadlineMs: 300 });
  expect(ended).toMatchObject({ succeeded: false, timedOut: true });
  expect(ended.ms).toBeLessThan(5000);
  expect(ended.stdout).toMatch(/^\d+\n$/);
  await expectGone(Number(ended.stdout));
});

test('what says more than is wanted is killed', () => {
  const ended = shell('exec yes');
  expect(ended).toMatchObject({ succeeded: false, timedOut: false, status: 'saying more than 4194304 bytes' });
  expect(ended.stdout.length).toBe(4_194_304);
});

test('what it leaves running neither holds up nor stays', async () => {
  const ended = shell('echo $$; sleep 60 & exit 0');
  expect(ended).toMatchObject({ succeeded: true, timedOut: false });
  expect(ended.ms).toBeLessThan(5000);
  await expectGone(Number(ended.stdout));
});

test('what the engine was started with open stays with it', () => {
  const before = ['/bin/sh', '-c', 'exec 7</dev/null 9</dev/null "$@"', 'sh'];
  const ended = shell('ls -l /proc/$$/fd', { before });
  expect(ended.stdout).not.toMatch(/ [79] -> /);
});

test('signals that the engine ignores are not ignored by the program', () => {
  expect(shell('grep SigIgn /proc/$$/status').stdout).toBe('SigIgn:\t0000000000000000\n');
});

test('the standard descriptors may be closed', () => {
  for (const closed of ['<&-', '<&- 2>&-']) {
    const ended = shell('cat; echo out; echo err >&2', {
      input: 1,
      before: ['/bin/sh', '-c', `exec "$@" ${closed}`, 'sh'],
    });
    expect(ended).toMatchObject({ succeeded: true, stdout: 'xout\n', stderr: 'err\n' });
  }
});

test.each([
  ['/nonexistent/program', 'ENOENT'],
  ['/etc/passwd', 'EACCES'],
  ['/bin/sh\\0x', 'EINVAL'],
])('%s does not start', async (file, status) => {
  const path = await answering(
    `return runProgram({ file: '${file}', args: [], env: {}, input: '', deadlineMs: 1000 });`,
  );
  expect(answerOf(runIt(path))).toMatchObject({ succeeded: false, started: false, status });
});

/** Processes that have been killed take a moment to end. */
async function expectGone(leader: number): Promise<void> {
  expect(leader).toBeGreaterThan(1);
  for (let look = 0; look < 100 && inGroup(leader).length > 0; look++) await Bun.sleep(20);
  expect(inGroup(leader)).toEqual([]);
}

/** The living processes of a group (proc_pid_stat(5): state, parent and group follow the name in parentheses). */
function inGroup(leader: number): string[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readStat);
  return stats.filter((stat) => new RegExp(`\\) [^ZX] \\d+ ${leader} `).test(stat));
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
