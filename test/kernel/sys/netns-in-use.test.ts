/** Which network namespaces are in use, and what is said where that cannot be seen. */

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNetnsInUse } from '../../../src/sys/netns.ts';
import { createNetns, type Netns, spawnIn } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { run, tool } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const MODULE = join(import.meta.dir, '../../../src/sys/netns.ts');
const WITHOUT_PTRACE = [tool('setpriv'), '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace', '--'];

interface Seen {
  readonly inodes: readonly number[];
  readonly gap?: string;
}

/** What a process of its own sees, that is started by `prefix` in namespaces of its own, once `mounts` were done there. */
function seenBy(prefix: readonly string[], mounts = 'true', namespaces: readonly string[] = ['--mount']): Seen {
  const script = join(scratchDirectory(), 'look.ts');
  writeFileSync(
    script,
    `import { findNetnsInUse } from '${MODULE}';
     const { inodes, gap } = findNetnsInUse();
     console.log(JSON.stringify({ inodes: [...inodes], gap }));`,
  );
  // The shell stays, and is a process that one without the capability may not look at.
  const inner = `${mounts} && "$@" && true`;
  return JSON.parse(
    run([tool('unshare'), ...namespaces, '/bin/sh', '-c', inner, 'sh', ...prefix, process.execPath, script]),
  );
}

const OWN_PROCESSES = ['--mount', '--pid', '--fork', '--mount-proc'];

describeOnKernel('a network namespace', () => {
  let ns: Netns;
  let inode: number;
  beforeAll(() => {
    ns = createNetns();
    inode = statSync(ns.path).ino;
  });
  afterAll(() => ns.delete());

  test('is in use where a process lives in it', () => {
    expect(seenBy([]).inodes).not.toContain(inode);
    using _ = ending(spawnIn(ns, ['cat']));
    expect(seenBy([]).inodes).toContain(inode);
    expect([...findNetnsInUse().inodes]).toContain(inode);
  });

  test('is in use where one thread of a process lives in it, which is not the first', async () => {
    const child = Bun.spawn([tool('python3'), '-c', ONE_THREAD, ns.path], { stdin: 'pipe', stdout: 'pipe' });
    using _ = ending(child);
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value).trim()).toBe('there');
    expect(seenBy([]).inodes).toContain(inode);
  });

  test('may be in use where a process in it may not be looked at', () => {
    using _ = ending(spawnIn(ns, ['cat']));
    const { inodes, gap } = seenBy(WITHOUT_PTRACE);
    expect(inodes).not.toContain(inode);
    expect(gap).toMatch(/^\/proc\/\d+\/task\/\d+: readlink: permission denied \(EACCES\)$/);
  });

  test('is not, where all that may not be looked at are in another one', () => {
    const { inodes, gap } = seenBy(WITHOUT_PTRACE, 'true', OWN_PROCESSES);
    expect([inodes.includes(inode), gap]).toEqual([false, undefined]);
  });

  test.each(['hidepid=2', 'hidepid=4'])('may be in use where /proc hides processes: %s', (option) => {
    const mount = `mount -t proc -o ${option} proc /proc`;
    expect(seenBy(WITHOUT_PTRACE, mount, OWN_PROCESSES).gap).toBe('/proc is mounted with hidepid, and hides processes');
    expect(seenBy([], mount, OWN_PROCESSES).gap).toBeUndefined();
  });

  test('may be in use where /proc shows processes and nothing of them', () => {
    const mount = `mount -t proc -o hidepid=1,gid=12345 proc /proc`;
    expect(seenBy(WITHOUT_PTRACE, mount, OWN_PROCESSES).gap).toMatch(/^\/proc\/1: .* \((EPERM|EACCES)\)$/);
  });

  test('may be in use where there is no /proc', () => {
    const empty = join(scratchDirectory(), 'empty');
    mkdirSync(empty);
    const script = join(scratchDirectory(), 'look.ts');
    // Bun itself does not start without one, so it is taken away afterwards.
    writeFileSync(
      script,
      `import { findNetnsInUse } from '${MODULE}';
       Bun.spawnSync(['${tool('mount')}', '--bind', '${empty}', '/proc']);
       console.log(findNetnsInUse().gap);`,
    );
    const said = run([tool('unshare'), '--mount', process.execPath, script]).trim();
    expect(said).toBe('/proc cannot be read: openat: no such file or directory (ENOENT)');
  });
});

const ONE_THREAD = `
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def live():
    fd = os.open(sys.argv[1], os.O_RDONLY)
    if libc.setns(fd, 0x40000000) != 0: os._exit(1)
    os.close(fd)
    print('there', flush=True)
    sys.stdin.read()
threading.Thread(target=live).start()
`;

function ending(child: { kill(signal?: 'SIGKILL'): void }): Disposable {
  return { [Symbol.dispose]: () => child.kill('SIGKILL') };
}
