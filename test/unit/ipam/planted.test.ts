/** What another user may have planted where our files belong: nothing follows it, waits for it, or writes to it. */

import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { readResolvConf } from '../../../src/ipam/resolv-conf.ts';
import { testUnless } from '../../support/privilege.ts';
import { run } from '../../support/process.ts';
import {
  createRecord,
  encodeLease,
  encodeRecord,
  findRecord,
  leaseAddresses,
  planGarbage,
  releaseAddresses,
  releaseGarbage,
  statusOf,
} from './api.ts';
import { faultOf, files, host, NETWORK, owner, plan, scratch, texts } from './support.ts';

const SETS = ['10.1.0.0/24'];
const PRECIOUS = 'precious';

interface Place {
  readonly dataDir: string;
  /** A file of root's that must stay as it is. */
  readonly victim: string;
}

/** A store with one attachment, c0. */
function place(): Place {
  const directory = scratch();
  const [dataDir, victim] = [`${directory}/networks`, `${directory}/victim`];
  writeFileSync(victim, PRECIOUS);
  leaseAddresses(plan(dataDir, SETS), owner('c0'), host());
  return { dataDir, victim };
}

/** Puts something in the place of a file. */
type Plant = (path: string, victim: string) => void;

const PLANTS: readonly (readonly [string, Plant])[] = [
  ['a symbolic link', (path, victim) => symlinkSync(victim, path)],
  ['a symbolic link to nothing', (path, victim) => symlinkSync(`${victim}.new`, path)],
  ['a symbolic link to a device without an end', (path) => symlinkSync('/dev/zero', path)],
  ['a hard link', (path, victim) => linkSync(victim, path)],
  ['a FIFO', (path) => void run(['mkfifo', path])],
  ['a socket', (path) => void Bun.listen({ unix: path, socket: { data: () => undefined } }).unref()],
  ['a file of 10 GB', (path) => hugeFile(path)],
];

function hugeFile(path: string): void {
  writeFileSync(path, '');
  truncateSync(path, 10 * 1024 ** 3);
}

const OURS = ['lock', 'last_reserved_ip.0', '10.1.0.3', '../.trestle/pods/boot', '../.trestle/pods/c1:eth0'];

describe.each(PLANTS)('%s', (name, plant) => {
  test.each(OURS)('in the place of %s', (file) => {
    const { dataDir, victim } = place();
    const path = `${dataDir}/${NETWORK}/${file}`;
    rmSync(path, { force: true });
    plant(path, victim);
    const startedMs = process.cpuUsage();
    const done = attempt(() => texts(leaseAddresses(plan(dataDir, SETS), owner('c1'), host())));
    const others: readonly (() => unknown)[] = [
      () => findRecord(dataDir, owner('c1'), host()),
      () => releaseAddresses(dataDir, owner('c1'), host()),
      () => releaseGarbage(dataDir, NETWORK, planGarbage(dataDir, NETWORK, [], host()), host()),
      () => statusOf(plan(dataDir, SETS), host()),
    ];
    for (const act of others) attempt(act);
    const used = process.cpuUsage(startedMs);
    expect((used.user + used.system) / 1e6).toBeLessThan(1);
    expect([readFileSync(victim, 'utf8'), existsSync(`${victim}.new`)]).toEqual([PRECIOUS, false]);
    const isLink = name.startsWith('a symbolic link') || name === 'a socket';
    if (file === 'lock' && isLink) expect(done).toMatch(/lock/);
    else if (file === 'lock') expect(done).toEqual(['10.1.0.3/24']);
    else expect(done).toEqual([file === '10.1.0.3' ? '10.1.0.4/24' : '10.1.0.3/24']);
  });
});

/** What it returns, or the message of the Fault that it throws; anything else is thrown on. */
function attempt<T>(act: () => T): T | string {
  let result: T | undefined;
  const fault = faultUnless(() => {
    result = act();
  });
  return fault ?? (result as T);
}

function faultUnless(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return faultOf(() => {
      throw error;
    }).message;
  }
}

test('a cursor that was a link to another file is a file of its own afterwards', () => {
  const { dataDir, victim } = place();
  const path = `${dataDir}/${NETWORK}/last_reserved_ip.0`;
  rmSync(path);
  symlinkSync(victim, path);
  leaseAddresses(plan(dataDir, SETS), owner('c1'), host());
  expect([readFileSync(path, 'utf8'), readFileSync(victim, 'utf8')]).toEqual(['10.1.0.3', PRECIOUS]);
});

describe('a link to what would be right', () => {
  test('in the place of a lease is nobody’s lease', () => {
    const { dataDir, victim } = place();
    writeFileSync(victim, encodeLease(owner('c1')));
    symlinkSync(victim, `${dataDir}/${NETWORK}/10.1.0.3`);
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3']);
  });

  test('in the place of a record is no record, and GC removes it', () => {
    const { dataDir, victim } = place();
    writeFileSync(victim, encodeRecord(createRecord(owner('c1'), ['10.1.0.2/24'], 'boot-1', 0)));
    symlinkSync(victim, `${dataDir}/.trestle/${NETWORK}/c1:eth0`);
    const machine = host();
    expect(findRecord(dataDir, owner('c1'), machine)).toBeUndefined();
    expect(machine.lines).toEqual([expect.stringContaining('a symbolic link is in its place (ELOOP)')]);
    const doomed = planGarbage(dataDir, NETWORK, [owner('c0')], machine);
    releaseGarbage(dataDir, NETWORK, doomed, machine);
    expect(files.own(dataDir)).toEqual(['boot', 'c0:eth0']);
  });
});

describe('a data directory', () => {
  const refusal = (dataDir: string) => faultOf(() => leaseAddresses(plan(dataDir, SETS), owner('c1'), host()));

  test.each([0o777, 0o1777, 0o757, 0o702])('that everybody may write to is refused: mode %o', (mode) => {
    for (const below of ['', `/${NETWORK}`]) {
      const { dataDir } = place();
      chmodSync(dataDir + below, mode);
      const fault = refusal(dataDir);
      expect([fault.kind, fault.message]).toEqual([
        'io',
        `cannot use the directory ${dataDir}${below}: everybody may write to it (mode ${mode.toString(8)}), and so hand out its addresses`,
      ]);
      expect(fault.details).toContain(`chmod o-w ${dataDir}${below}`);
      expect(files.leases(dataDir)).toEqual(['10.1.0.2']);
      expect(faultOf(() => releaseAddresses(dataDir, owner('c0'), host())).message).toBe(fault.message);
      expect(faultOf(() => statusOf(plan(dataDir, SETS), host())).kind).toBe('unavailable');
      chmodSync(dataDir + below, 0o755);
      expect(releaseAddresses(dataDir, owner('c0'), host())).toHaveLength(1);
    }
  });

  test.each([0o700, 0o755, 0o775, 0o2770])('of mode %o is as good as host-local’s', (mode) => {
    const dataDir = `${scratch()}/networks`;
    for (const path of [dataDir, `${dataDir}/${NETWORK}`]) {
      mkdirSync(path);
      chmodSync(path, mode);
    }
    expect(texts(leaseAddresses(plan(dataDir, SETS), owner('c1'), host()))).toEqual(['10.1.0.2/24']);
  });

  testUnless(process.geteuid?.() === 0 ? undefined : 'it needs root', 'of another user is refused', () => {
    for (const below of ['', `/${NETWORK}`]) {
      const { dataDir } = place();
      chownSync(dataDir + below, 65534, 65534);
      expect(refusal(dataDir).message).toBe(
        `cannot use the directory ${dataDir}${below}: it belongs to user 65534, who could hand out its addresses`,
      );
    }
  });

  test('may be a link of root’s to another place', () => {
    const directory = scratch();
    mkdirSync(`${directory}/real`);
    symlinkSync('real', `${directory}/networks`);
    expect(texts(leaseAddresses(plan(`${directory}/networks`, SETS), owner('c1'), host()))).toEqual(['10.1.0.2/24']);
  });
});

describe('resolvConf', () => {
  test('may be a link, as systemd-resolved makes it', () => {
    const directory = scratch();
    writeFileSync(`${directory}/stub`, 'nameserver 192.0.2.53\n');
    symlinkSync('stub', `${directory}/resolv.conf`);
    expect(readResolvConf(`${directory}/resolv.conf`)).toEqual({ nameservers: ['192.0.2.53'] });
  });

  test('that has no end, or nothing to say, holds nobody up', () => {
    const fifo = `${scratch()}/fifo`;
    run(['mkfifo', fifo]);
    expect(readResolvConf(fifo)).toEqual({});
    expect(faultOf(() => readResolvConf('/dev/zero')).message).toContain('EFBIG');
  });
});
