/** The reference host-local and our store on one data directory: each sees, respects and releases what the other made. */

import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { formatCidr } from '../../src/address/cidr.ts';
import { formatIp } from '../../src/address/ip.ts';
import { reference } from '../support/artifacts.ts';
import { leaseAddresses, releaseAddresses, verifyLeases } from '../unit/ipam/api.ts';
import { faultOf, files, host, ip, NETWORK, owner, plan, scratch } from '../unit/ipam/support.ts';
import { startWorker } from '../unit/ipam/workers.ts';

const hostLocal = reference('host-local');

interface Answer {
  readonly addresses: string[];
  readonly error: string;
}

async function theReference(
  command: string,
  id: string,
  dataDir: string,
  sets: readonly string[],
  args = '',
): Promise<Answer> {
  const ranges = sets.map((set) => set.split(' ').map((subnet) => ({ subnet })));
  const stdin = JSON.stringify({
    cniVersion: '1.0.0',
    name: NETWORK,
    type: 'x',
    ipam: { type: 'host-local', dataDir, ranges },
  });
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: '/x',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/x',
    CNI_ARGS: args,
  };
  const child = Bun.spawn([hostLocal.path], { stdin: Buffer.from(stdin), stdout: 'pipe', stderr: 'pipe', env });
  const text = await new Response(child.stdout).text();
  await child.exited;
  const answer = text === '' ? {} : JSON.parse(text);
  return { addresses: (answer.ips ?? []).map(({ address }: { address: string }) => address), error: answer.msg ?? '' };
}

const ours = (id: string, dataDir: string, sets: readonly string[]) =>
  leaseAddresses(plan(dataDir, sets), owner(id), host()).map(({ address }) => formatCidr(address));

const DUAL = ['10.1.0.0/24 10.2.0.0/24', 'fd00::/64'];

test('the reference is there', () => {
  expect(existsSync(hostLocal.path)).toBe(true);
});

describe('one after the other', () => {
  test('both go on where the other one stopped', async () => {
    const dataDir = scratch();
    const given: string[][] = [];
    for (const at of [0, 2, 4]) {
      given.push((await theReference('ADD', `c${at}`, dataDir, DUAL)).addresses);
      given.push(ours(`c${at + 1}`, dataDir, DUAL));
    }
    const expected = [2, 3, 4, 5, 6, 7].map((last) => [`10.1.0.${last}/24`, `fd00::${last}/64`]);
    expect(given).toEqual(expected);
  });

  test('the files are the same, byte for byte', async () => {
    const [left, right] = [scratch(), scratch()];
    await theReference('ADD', 'c1', left, DUAL);
    ours('c1', right, DUAL);
    for (const name of ['10.1.0.2', 'fd00::2', 'last_reserved_ip.0', 'last_reserved_ip.1', 'lock']) {
      expect(files.text(right, name)).toBe(files.text(left, name));
    }
    expect(files.leases(right)).toEqual(files.leases(left));
  });

  test('IPv6 addresses have the same names, whatever their zeros', async () => {
    const subnets = [
      '2001:db8::/64',
      '2001:db8:0:1::/64',
      '2001:db8:0:2:1::/80',
      '2001:db8:1:2:3:4:5::/112',
      '2001:0:0:2:0:0:3:0/112',
      'fd00:a:b:c::/120',
    ];
    const [left, right] = [scratch(), scratch()];
    await theReference('ADD', 'c1', left, subnets);
    ours('c1', right, subnets);
    expect(files.leases(right)).toEqual(files.leases(left));
    expect(files.leases(left)).toHaveLength(subnets.length);
  });

  test('a small range is shared out exactly', async () => {
    const dataDir = scratch();
    const sets = ['10.1.0.0/29'];
    const given = [
      ...(await theReference('ADD', 'a', dataDir, sets)).addresses,
      ...ours('b', dataDir, sets),
      ...(await theReference('ADD', 'c', dataDir, sets)).addresses,
      ...ours('d', dataDir, sets),
      ...(await theReference('ADD', 'e', dataDir, sets)).addresses,
    ];
    expect(given.sort()).toEqual(['10.1.0.2/29', '10.1.0.3/29', '10.1.0.4/29', '10.1.0.5/29', '10.1.0.6/29']);
    expect((await theReference('ADD', 'f', dataDir, sets)).error).toContain('no IP addresses available');
    expect(faultOf(() => ours('f', dataDir, sets)).kind).toBe('exhausted');
  });

  test('a requested address that the other one holds is refused', async () => {
    const dataDir = scratch();
    await theReference('ADD', 'a', dataDir, DUAL, 'IP=10.1.0.50');
    const fault = faultOf(() => leaseAddresses(plan(dataDir, DUAL, { requested: ['10.1.0.50'] }), owner('b'), host()));
    expect([fault.kind, fault.message]).toEqual([
      'address',
      expect.stringContaining('container a interface eth0 holds it'),
    ]);
    leaseAddresses(plan(dataDir, DUAL, { requested: ['10.1.0.51'] }), owner('b'), host());
    expect((await theReference('ADD', 'c', dataDir, DUAL, 'IP=10.1.0.51')).error).toContain(
      '10.1.0.51 is not available',
    );
  });
});

describe('a node that changes', () => {
  test('from host-local to us: its attachments pass CHECK and DEL', async () => {
    const dataDir = scratch();
    for (const id of ['a', 'b']) await theReference('ADD', id, dataDir, DUAL);
    expect(ours('c', dataDir, DUAL)).toEqual(['10.1.0.4/24', 'fd00::4/64']);
    verifyLeases(dataDir, owner('a'), [ip('10.1.0.2'), ip('fd00::2')], host());
    expect(releaseAddresses(dataDir, owner('a'), host()).map(formatIp).sort()).toEqual(['10.1.0.2', 'fd00::2']);
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', '10.1.0.4', 'fd00::3', 'fd00::4']);
  });

  test('from us to host-local, and back: ours pass its CHECK and DEL, and what is left of them is in nobody’s way', async () => {
    const dataDir = scratch();
    for (const id of ['a', 'b']) ours(id, dataDir, DUAL);
    expect((await theReference('CHECK', 'a', dataDir, DUAL)).error).toBe('');
    expect((await theReference('ADD', 'c', dataDir, DUAL)).addresses).toEqual(['10.1.0.4/24', 'fd00::4/64']);
    expect((await theReference('DEL', 'a', dataDir, DUAL)).error).toBe('');
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', '10.1.0.4', 'fd00::3', 'fd00::4']);
    expect((await theReference('CHECK', 'a', dataDir, DUAL)).error).toContain('Failed to find address');
    expect(ours('a', dataDir, DUAL)).toEqual(['10.1.0.5/24', 'fd00::5/64']);
    releaseAddresses(dataDir, owner('a'), host());
    expect(files.own(dataDir)).toEqual(['b:eth0', 'boot']);
  });

  test('refuses a second ADD of the same attachment on either side', async () => {
    const dataDir = scratch();
    ours('a', dataDir, DUAL);
    expect((await theReference('ADD', 'a', dataDir, DUAL)).error).toContain('duplicate allocation is not allowed');
    await theReference('ADD', 'b', dataDir, DUAL, 'IP=10.1.0.9');
    const again = plan(dataDir, DUAL, { requested: ['10.1.0.9'] });
    expect(faultOf(() => leaseAddresses(again, owner('b'), host())).kind).toBe('conflict');
  });
});

describe('at the same time', () => {
  test('never give an address twice', async () => {
    const dataDir = scratch();
    const subnet = '10.1.0.0/26';
    const team = [startWorker(dataDir, subnet), startWorker(dataDir, subnet)];
    const rounds = 30;
    const theirs = async (prefix: string) => {
      const addresses: string[] = [];
      for (let at = 0; at < rounds; at++)
        addresses.push(...(await theReference('ADD', `${prefix}${at}`, dataDir, [subnet])).addresses);
      return addresses;
    };
    const [filled, ...others] = await Promise.all([
      Promise.all(team.map((worker, at) => worker.ask<string[]>(`fill w${at}`))),
      theirs('x'),
      theirs('y'),
    ]);
    for (const worker of team) worker.kill();
    const all = [...filled.flat(), ...others.flat().map((text) => text.replace('/26', ''))];
    expect(all).toHaveLength(61);
    expect(all.sort()).toEqual(files.leases(dataDir));
    expect(others.flat().length).toBeGreaterThan(0);
  }, 60_000);

  test('respect each other’s lock', async () => {
    const dataDir = scratch();
    const holder = startWorker(dataDir, '10.1.0.0/24');
    expect(await holder.ask<string>('hold')).toBe('holding');
    const adding = theReference('ADD', 'a', dataDir, ['10.1.0.0/24']);
    await Bun.sleep(200);
    expect(files.leases(dataDir)).toEqual([]);
    holder.kill();
    expect((await adding).addresses).toEqual(['10.1.0.2/24']);
  }, 30_000);
});
