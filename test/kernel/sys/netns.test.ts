/** Entering network namespaces and coming back. */

import { expect, test } from 'bun:test';
import { readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Fault } from '../../../src/fault.ts';
import { closeNetns, openNetns, openOwnNetns, sameNetns, withNetns } from '../../../src/sys/netns.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, type Netns } from '../../support/netns.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { run } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { currentNetns } from '../support/inside.ts';

const HOME = currentNetns();

/** What `withNetns` makes of an action; the test must be where it was afterwards. */
function enter<T>(ns: Pick<Netns, 'path'>, action: () => T): T {
  const [own, there] = [openOwnNetns(), openNetns(ns.path)];
  try {
    return withNetns(own, there, action);
  } finally {
    closeNetns(own);
    closeNetns(there);
    expect(currentNetns()).toBe(HOME);
  }
}

describeOnKernel('inside a namespace', () => {
  test('the action runs, and its value comes back', () => {
    using ns = createNetns();
    const there = enter(ns, currentNetns);
    expect(there).not.toBe(HOME);
    expect(there).toBe(`net:[${openedInode(ns.path)}]`);
  });

  test('what the action throws comes out, and the thread comes back', () => {
    using ns = createNetns();
    const thrown = new Fault('io', 'on purpose');
    expect(() =>
      enter(ns, () => {
        expect(currentNetns()).not.toBe(HOME);
        throw thrown;
      }),
    ).toThrow(thrown);
  });

  test('one may be entered from another', () => {
    using outer = createNetns();
    using inner = createNetns();
    const seen = enter(outer, () => {
      const [own, there] = [openOwnNetns(), openNetns(inner.path)];
      const before = currentNetns();
      const within = withNetns(own, there, currentNetns);
      closeNetns(own);
      closeNetns(there);
      return [before, within, currentNetns()];
    });
    expect(new Set(seen).size).toBe(2);
    expect(seen[2]).toBe(seen[0] as string);
  });

  test('it may be removed meanwhile: it lives as long as it is open', () => {
    const ns = createNetns();
    const [own, there] = [openOwnNetns(), openNetns(ns.path)];
    ns.delete();
    expect(withNetns(own, there, currentNetns)).toBe(`net:[${there.inode}]`);
    closeNetns(own);
    closeNetns(there);
    expect(currentNetns()).toBe(HOME);
  });

  test.each(['mnt', 'ipc', 'uts'])('a %s namespace is refused, and nothing is run', (kind) => {
    const fault = faultOf(() => enter({ path: `/proc/self/ns/${kind}` }, () => expect.unreachable()));
    expect(fault.kind).toBe('environment');
    expect(fault.message).toMatch(
      new RegExp(`^cannot enter /proc/self/ns/${kind}\\b.*: it is not a network namespace$`),
    );
  });
});

describeOnKernel('opening', () => {
  test('what leads to the same namespace is the same', () => {
    using ns = createNetns();
    using other = createNetns();
    const link = join(scratchDirectory(), 'link');
    symlinkSync(ns.path, link);
    const [a, b, c] = [openNetns(ns.path), openNetns(link), openNetns(other.path)];
    expect([sameNetns(a, b), sameNetns(a, c), a.path, b.path]).toEqual([true, false, ns.path, link]);
    for (const open of [a, b, c]) closeNetns(open);
  });

  test('our own is the one we are in', () => {
    const own = openOwnNetns();
    expect(`net:[${own.inode}]`).toBe(readlinkSync('/proc/self/ns/net'));
    closeNetns(own);
  });

  test.each<[string, () => string, string, string]>([
    ['nothing', () => '/run/netns/there-is-none', 'environment', 'there is no such file'],
    ['something below a file', () => `${file()}/x`, 'environment', 'there is no such file'],
    ['a link to nowhere', () => linkTo('/nonexistent'), 'environment', 'there is no such file'],
    ['an empty file, as a namespace that is gone leaves', file, 'environment', 'it is not a network namespace'],
    ['a FIFO, which nobody writes to', fifo, 'environment', 'it is not a network namespace'],
    ['a directory', scratchDirectory, 'environment', 'it is not a network namespace'],
    ['a device', () => '/dev/null', 'environment', 'it is not a network namespace'],
    ['a file of /proc', () => '/proc/self/status', 'environment', 'it is not a network namespace'],
    ['a circle of links', circle, 'io', 'ELOOP'],
    ['a name that is too long', () => `/${'x'.repeat(300)}`, 'io', 'ENAMETOOLONG'],
  ])('%s is refused, and stays closed', (_, make, kind, reason) => {
    const path = make();
    const before = openFiles();
    const fault = faultOf(() => openNetns(path));
    expect([fault.kind as string, openedSince(before)]).toEqual([kind, []]);
    expect(fault.message).toContain(path);
    expect(fault.message).toContain(reason);
  });

  test('a socket is refused', async () => {
    const path = join(scratchDirectory(), 'socket');
    const server = createServer().listen(path);
    await new Promise((resolve) => server.on('listening', resolve));
    expect(faultOf(() => openNetns(path)).message).toContain(path);
    server.close();
  });

  test('what to write instead is told', () => {
    expect(faultOf(() => openNetns('/dev/null')).details).toContain('/run/netns/NAME');
    expect(faultOf(() => openNetns('/run/netns/there-is-none')).details).toContain('CNI_NETNS');
  });
});

function openedInode(path: string): number {
  const open = openNetns(path);
  closeNetns(open);
  return open.inode;
}

function file(): string {
  const path = join(scratchDirectory(), 'file');
  writeFileSync(path, '');
  return path;
}

function fifo(): string {
  const path = join(scratchDirectory(), 'fifo');
  run(['mkfifo', path]);
  return path;
}

function linkTo(target: string): string {
  const path = join(scratchDirectory(), 'link');
  symlinkSync(target, path);
  return path;
}

function circle(): string {
  const path = join(scratchDirectory(), 'circle');
  symlinkSync(path, path);
  return path;
}
