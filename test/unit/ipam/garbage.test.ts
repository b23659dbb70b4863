import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { Fault } from '../../../src/fault.ts';
import { withLock } from '../../../src/ipam/lock.ts';
import { storeOf } from '../../../src/ipam/store.ts';
import {
  type Host,
  leaseAddresses,
  planGarbage,
  recordAttachment,
  releaseAddresses,
  releaseGarbage,
  type ValidAttachments,
} from './api.ts';
import { files, host, ip, NETWORK, owner, plan, scratch } from './support.ts';

/** a, b and c are ours, d has no address, e and f are host-local's, f as of old. */
function populated(): string {
  const dataDir = scratch();
  for (const id of ['a', 'b', 'c']) leaseAddresses(plan(dataDir, ['10.1.0.0/24', 'fd00::/64']), owner(id), host());
  recordAttachment(dataDir, owner('d', { hostVeth: 'vethd' }), host());
  files.foreign(dataDir, '10.1.0.20', 'e\r\neth0');
  files.foreign(dataDir, '10.1.0.21', 'f');
  return dataDir;
}

const names = (...ids: string[]) => ids.map((containerId) => ({ containerId, ifName: 'eth0' }));
const idsOf = (doomed: readonly { attachment: { containerId: string } }[]) =>
  doomed.map(({ attachment }) => attachment.containerId).sort();

function collect(dataDir: string, valid: ValidAttachments | undefined, machine = host()) {
  const doomed = planGarbage(dataDir, NETWORK, valid, machine);
  return { doomed, ...releaseGarbage(dataDir, NETWORK, doomed, machine) };
}

describe('GC with a list', () => {
  test('releases what is not in it, ours and host-local’s, and says what went', () => {
    const dataDir = populated();
    const { doomed, released, failures } = collect(dataDir, names('b', 'f'));
    expect(idsOf(doomed)).toEqual(['a', 'c', 'd', 'e']);
    expect(idsOf(released)).toEqual(['a', 'c', 'd', 'e']);
    expect(failures).toEqual([]);
    expect(doomed.find(({ attachment }) => attachment.containerId === 'd')?.record?.hostVeth).toBe('vethd');
    expect(doomed.find(({ attachment }) => attachment.containerId === 'a')?.addresses).toEqual([
      ip('10.1.0.2'),
      ip('fd00::2'),
    ]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.21', '10.1.0.3', 'fd00::3']);
    expect(files.own(dataDir)).toEqual(['b:eth0', 'boot']);
  });

  test('that is empty releases everything, and what a killed process was writing', () => {
    const dataDir = populated();
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/.new`, 'half');
    expect(idsOf(collect(dataDir, []).released)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([[], ['boot']]);
  });

  test('tells interfaces apart', () => {
    const dataDir = scratch();
    for (const ifName of ['eth0', 'eth1'])
      leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('a', { ifName }), host());
    collect(dataDir, [{ containerId: 'a', ifName: 'eth1' }]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.3']);
  });

  test('spares what was made anew between the two steps', () => {
    const dataDir = populated();
    const doomed = planGarbage(dataDir, NETWORK, names('b'), host());
    releaseAddresses(dataDir, owner('a'), host());
    releaseAddresses(dataDir, owner('e'), host());
    for (const id of ['a', 'e'])
      leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner(id), host({ nowMs: () => Date.now() + 5 }));
    expect(idsOf(releaseGarbage(dataDir, NETWORK, doomed, host()).released)).toEqual(['c', 'd', 'f']);
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', '10.1.0.5', '10.1.0.6', 'fd00::3']);
  });
});

describe('GC without a list', () => {
  test('releases the provably dead, and nothing else', () => {
    const dataDir = populated();
    const { released } = collect(dataDir, undefined, host({ isDead: ({ containerId }) => 'bd'.includes(containerId) }));
    expect(idsOf(released)).toEqual(['b', 'd']);
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.20', '10.1.0.21', '10.1.0.4', 'fd00::2', 'fd00::4']);
  });

  test('releases leases without a record that are older than the boot', () => {
    const dataDir = populated();
    const longAgo = new Date(Date.now() - 86_400_000);
    utimesSync(`${dataDir}/${NETWORK}/10.1.0.20`, longAgo, longAgo);
    expect(idsOf(collect(dataDir, undefined).released)).toEqual(['e']);
    expect(files.leases(dataDir)).not.toContain('10.1.0.20');
  });
});

describe('GC', () => {
  test('removes what an attachment has on the node before its leases, and only if it is still as planned', () => {
    const dataDir = populated();
    const seen: unknown[] = [];
    const detach: Host['detach'] = ({ containerId }, record) =>
      void seen.push([
        containerId,
        record?.hostVeth,
        files.leases(dataDir).filter((one) => one.startsWith('10.1.0.2')),
      ]);
    const machine = host({ detach });
    const doomed = planGarbage(dataDir, NETWORK, names('b', 'c'), machine);
    releaseAddresses(dataDir, owner('a'), host());
    leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('a'), host({ nowMs: () => Date.now() + 5 }));
    releaseGarbage(dataDir, NETWORK, doomed, machine);
    expect(seen.sort()).toEqual([
      ['d', 'vethd', expect.anything()],
      ['e', undefined, expect.arrayContaining(['10.1.0.20'])],
      ['f', undefined, expect.arrayContaining(['10.1.0.21'])],
    ]);
  });

  test('keeps the leases of what cannot be removed from the node, and says so', () => {
    const dataDir = populated();
    const detach: Host['detach'] = ({ containerId }) => {
      if (containerId === 'a') throw new Fault('kernel', 'refused');
    };
    const { released, failures } = collect(dataDir, [], host({ detach }));
    expect(idsOf(released)).toEqual(['b', 'c', 'd', 'e', 'f']);
    expect(failures.map(({ kind, message }) => [kind, message])).toEqual([
      ['kernel', 'cannot remove what container a interface eth0 has on the node: refused'],
    ]);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([
      ['10.1.0.2', 'fd00::2'],
      ['a:eth0', 'boot'],
    ]);
  });

  test('waits for the lock once', () => {
    const dataDir = populated();
    const machine = host({ lockDeadlineMs: 50 });
    const doomed = planGarbage(dataDir, NETWORK, [], machine);
    withLock(storeOf(dataDir, NETWORK), host(), () => {
      expect(releaseGarbage(dataDir, NETWORK, doomed, machine).failures.map(({ kind }) => kind)).toEqual(['busy']);
    });
  });

  test('without a data directory finds nothing and makes none', () => {
    const dataDir = `${scratch()}/none`;
    expect(collect(dataDir, [])).toEqual({ doomed: [], released: [], failures: [] });
    expect(existsSync(dataDir)).toBe(false);
  });

  test('removes broken records and empty leases', () => {
    const dataDir = populated();
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/x:eth0`, '{');
    files.foreign(dataDir, '10.1.0.99', '');
    files.foreign(dataDir, '10.1.0.98', 'who knows?');
    const machine = host();
    collect(dataDir, names('a', 'b', 'c', 'd', 'e', 'f'), machine);
    expect(machine.lines.filter((line) => line.includes('10.1.0.98 names no holder'))).toHaveLength(1);
    expect(files.own(dataDir)).toEqual(['a:eth0', 'b:eth0', 'boot', 'c:eth0', 'd:eth0']);
    expect(files.leases(dataDir)).not.toContain('10.1.0.99');
    expect(files.leases(dataDir)).toContain('10.1.0.98');
  });

  test('goes on past what it cannot remove, and names it', () => {
    const dataDir = populated();
    mkdirSync(`${dataDir}/.trestle/${NETWORK}/x:eth0`);
    const machine = host({
      isDead: ({ containerId }) => 'abc'.includes(containerId),
      log: () => undefined,
    });
    const doomed = planGarbage(dataDir, NETWORK, undefined, machine);
    const broken = { ...doomed[1], attachment: owner('bad/name') } as (typeof doomed)[0];
    const { released, failures } = releaseGarbage(
      dataDir,
      NETWORK,
      [doomed[0] as never, broken, doomed[2] as never],
      machine,
    );
    expect(idsOf(released)).toHaveLength(2);
    expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining('bad/name')]);
  });
});
