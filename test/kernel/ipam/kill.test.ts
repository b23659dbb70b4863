/**
 * An ADD and a DEL that are killed, or told a lie by the kernel, at each of their system calls in turn. strace counts the
 * calls on the files of the store, and strikes at the one it is told to.
 */

import { expect, test } from 'bun:test';
import { cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { patient } from '../../support/patience.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { tryRun } from '../../support/process.ts';
import { releaseAddresses } from '../../unit/ipam/api.ts';
import { files, host, NETWORK, owner, scratch } from '../../unit/ipam/support.ts';

const SUBNET = '10.1.0.0/24';
/** Those that change something on disk. Before each of them is after the one before it. */
const CALLS = ['openat', 'mkdir', 'write', 'utimensat', 'rename', 'link', 'unlink', 'ftruncate'];
const DEADLINE = patient(120_000);
const WORKER = `${import.meta.dir}/../../unit/ipam/worker.ts`;

/** Runs one command of a worker, which is struck at the nth call. @returns its answer; "" where it had no time for one */
function struck(
  dataDir: string,
  command: string,
  call: string,
  nth: number,
  strike: string,
  always: readonly string[] = [],
): string {
  const store = [
    `${NETWORK}/lock`,
    `${NETWORK}/10.1.0.2`,
    `${NETWORK}/10.1.0.3`,
    `${NETWORK}/last_reserved_ip.0`,
    NETWORK,
    '.trestle',
  ];
  const own = ['', '/boot', '/.new', '/c1:eth0', '/c2:eth0'].map((name) => `.trestle/${NETWORK}${name}`);
  const paths = [...store, ...own].flatMap((path) => ['-P', `${dataDir}/${path}`]);
  const strikes = [`${call}:${strike}:when=${nth}`, ...always];
  const inject = ['-e', `trace=${CALLS}`, ...strikes.flatMap((one) => ['-e', `inject=${one}`])];
  const worker = [process.execPath, WORKER, dataDir, SUBNET];
  const done = tryRun(['strace', '-f', '-o', '/dev/null', ...paths, ...inject, ...worker], { stdin: `${command}\n` });
  return done.stdout.trim();
}

/** Strikes at the first, the second, … until the command comes through. Each time on a copy of the same store. */
function eachInstant(
  prepared: string,
  command: string,
  strike: string,
  verify: (dataDir: string, answer: string) => void,
  always: readonly string[] = [],
): number {
  let strikes = 0;
  for (const call of CALLS.filter((one) => !always.some((other) => other.startsWith(`${one}:`)))) {
    for (let nth = 1; nth < 30; nth++) {
      const dataDir = scratch();
      cpSync(prepared, dataDir, { recursive: true, preserveTimestamps: true });
      const answer = struck(dataDir, command, call, nth, strike, always);
      verify(dataDir, answer);
      rmSync(dataDir, { recursive: true });
      if (answer.startsWith('"') || answer.startsWith('[')) break;
      strikes++;
    }
  }
  return strikes;
}

/** c1 is attached, c2 is about to be, or the other way round. */
function prepared(...ids: string[]): string {
  const dataDir = scratch();
  for (const id of ids) struck(dataDir, `add ${id}`, 'mkdir', 99, 'error=EIO');
  return dataDir;
}

function recordsOf(dataDir: string): string[] {
  return existsSync(`${dataDir}/.trestle/${NETWORK}`) ? files.own(dataDir).filter((name) => name.includes(':')) : [];
}

/** No lease without a record, and after DEL nothing at all. */
function verifyRepairable(dataDir: string, id: string): void {
  const leases = existsSync(`${dataDir}/${NETWORK}`) ? files.leases(dataDir) : [];
  for (const address of leases) {
    expect(recordsOf(dataDir)).toContain(files.text(dataDir, address).replace('\r\n', ':'));
  }
  releaseAddresses(dataDir, owner(id), host());
  const rest = readdirSync(dataDir, { recursive: true }).map(String);
  expect(rest.filter((path) => path.includes(id) || path.endsWith('10.1.0.3'))).toEqual([]);
}

describeOnKernel('killed at each of its system calls', () => {
  test(
    'the first ADD on a network leaves what DEL puts right',
    () => {
      const strikes = eachInstant(scratch(), 'add c1', 'signal=SIGKILL', (dataDir) => {
        verifyRepairable(dataDir, 'c1');
        expect(existsSync(`${dataDir}/${NETWORK}`) ? files.leases(dataDir) : []).toEqual([]);
      });
      expect(strikes).toBeGreaterThan(12);
    },
    DEADLINE,
  );

  test(
    'a later ADD leaves what DEL puts right, or the next ADD',
    () => {
      const strikes = eachInstant(prepared('c1'), 'add c2', 'signal=SIGKILL', (dataDir) => {
        const answer = struck(dataDir, 'add c2', 'mkdir', 99, 'error=EIO');
        if (!answer.startsWith('"')) expect(JSON.parse(answer)).toMatchObject({ kind: 'conflict' });
        verifyRepairable(dataDir, 'c2');
        expect([files.leases(dataDir), recordsOf(dataDir)]).toEqual([['10.1.0.2'], ['c1:eth0']]);
      });
      expect(strikes).toBeGreaterThan(8);
    },
    DEADLINE,
  );

  test(
    'a DEL leaves what the next DEL finishes',
    () => {
      const strikes = eachInstant(prepared('c1', 'c2'), 'del c2', 'signal=SIGKILL', (dataDir) => {
        verifyRepairable(dataDir, 'c2');
        expect([files.leases(dataDir), recordsOf(dataDir)]).toEqual([['10.1.0.2'], ['c1:eth0']]);
      });
      expect(strikes).toBeGreaterThan(3);
    },
    DEADLINE,
  );
});

describeOnKernel('refused at each of its system calls', () => {
  test(
    'an ADD fails with nothing left, or does without',
    () => {
      const strikes = eachInstant(prepared('c1'), 'add c2', 'error=ENOSPC', (dataDir, answer) => {
        if (answer.startsWith('"')) return;
        const { kind, message } = JSON.parse(answer) as { kind: string; message: string };
        expect([kind, message]).toEqual(['io', expect.stringContaining('ENOSPC')]);
        const temporary = files.own(dataDir).filter((name) => name.startsWith('.new'));
        expect([files.leases(dataDir), recordsOf(dataDir)]).toEqual([['10.1.0.2'], ['c1:eth0']]);
        expect(temporary.length).toBeLessThanOrEqual(1);
        expect(struck(dataDir, 'add c2', 'mkdir', 99, 'error=EIO')).toMatch(/^"10/);
      });
      expect(strikes).toBeGreaterThan(5);
    },
    DEADLINE,
  );
});

/** link(2) as it answers on file systems without hard links. */
const withoutLinks = (code: string) => [`link:error=${code}`];

describeOnKernel('on a file system without hard links', () => {
  test.each(['EPERM', 'EOPNOTSUPP', 'ENOSYS'])('an ADD makes its lease all the same: %s', (code) => {
    const dataDir = prepared('c1');
    expect(struck(dataDir, 'add c2', 'mkdir', 99, 'error=EIO', withoutLinks(code))).toBe('"10.1.0.3"');
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([
      ['10.1.0.2', '10.1.0.3'],
      ['boot', 'c1:eth0', 'c2:eth0'],
    ]);
    expect(files.text(dataDir, '10.1.0.3')).toBe('c2\r\neth0');
    const createdAtMs = Date.parse(JSON.parse(files.record(dataDir, 'c2:eth0')).createdAt);
    expect(statSync(`${dataDir}/${NETWORK}/10.1.0.3`).mtimeMs).toBeCloseTo(createdAtMs, 0);
  });

  test(
    'one that is killed at any of its system calls leaves no half lease, and what DEL puts right',
    () => {
      const strikes = eachInstant(
        prepared('c1'),
        'add c2',
        'signal=SIGKILL',
        (dataDir) => {
          const found = files.leases(dataDir).filter((name) => name === '10.1.0.3');
          for (const name of found) expect(['', 'c2\r\neth0']).toContain(files.text(dataDir, name));
          const answer = struck(dataDir, 'add c2', 'mkdir', 99, 'error=EIO', withoutLinks('EPERM'));
          if (!answer.startsWith('"')) expect(JSON.parse(answer)).toMatchObject({ kind: 'conflict' });
          releaseAddresses(dataDir, owner('c2'), host());
          const rest = files.leases(dataDir).filter((name) => files.text(dataDir, name) !== '');
          expect([rest, recordsOf(dataDir)]).toEqual([['10.1.0.2'], ['c1:eth0']]);
        },
        withoutLinks('EPERM'),
      );
      expect(strikes).toBeGreaterThan(8);
    },
    DEADLINE,
  );

  test('an ADD that may not rename the lease either says so, and leaves nothing', () => {
    const dataDir = prepared('c1');
    // The first rename is the record's.
    const answer = struck(dataDir, 'add c2', 'rename', 2, 'error=EPERM', withoutLinks('EPERM'));
    expect(JSON.parse(answer)).toMatchObject({ kind: 'io', message: expect.stringContaining('not permitted (EPERM)') });
    expect([files.leases(dataDir), recordsOf(dataDir)]).toEqual([['10.1.0.2'], ['c1:eth0']]);
  });
});
