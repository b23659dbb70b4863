import { describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { Fault } from '../../../src/fault.ts';
import { encodeRecord, findRecord, type Host, leaseAddresses, recordAttachment, releaseAddresses } from './api.ts';
import { faultOf, files, host, ip, NETWORK, owner, plan, scratch, texts } from './support.ts';

describe('a lease', () => {
  test('is host-local’s file and our record, private to root, with nothing left beside them', () => {
    const dataDir = `${scratch()}/a/b`;
    const netns = { path: '/run/netns/x', device: 4, inode: 99 };
    const pod = { namespace: 'shop', name: 'web-1', uid: 'u', infraContainerId: 'i' };
    const more = { netns, pod, hostVeth: 'veth1', notes: { any: ['thing', 1, null] } };
    const leases = leaseAddresses(plan(dataDir, ['10.1.0.0/24', 'fd00::/64']), owner('c1', more), host());
    expect(texts(leases)).toEqual(['10.1.0.2/24', 'fd00::2/64']);
    expect(leases.map(({ gateway, rangeSet }) => [gateway, rangeSet])).toEqual([
      [ip('10.1.0.1'), 0],
      [ip('fd00::1'), 1],
    ]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', 'fd00::2']);
    expect(files.text(dataDir, 'fd00::2')).toBe('c1\r\neth0');
    expect(files.own(dataDir)).toEqual(['boot', 'c1:eth0']);
    expect(files.text(dataDir, 'last_reserved_ip.0')).toBe('10.1.0.2');
    expect(files.text(dataDir, 'last_reserved_ip.1')).toBe('fd00::2');
    for (const path of [`${NETWORK}/10.1.0.2`, `${NETWORK}/lock`, `.trestle/${NETWORK}/c1:eth0`]) {
      expect(statSync(`${dataDir}/${path}`).mode & 0o777).toBe(0o600);
    }
    for (const path of ['', NETWORK, '.trestle', `.trestle/${NETWORK}`]) {
      expect(statSync(`${dataDir}/${path}`).mode & 0o777).toBe(0o700);
    }
    const record = findRecord(dataDir, owner('c1'), host());
    expect(record).toMatchObject({ version: 1, addresses: ['10.1.0.2/24', 'fd00::2/64'], bootId: 'boot-1', ...more });
    expect(Date.parse(record?.createdAt ?? '')).toBeWithin(Date.now() - 5000, Date.now() + 1);
  });

  test('is not given again before the round is through, and then again', () => {
    const dataDir = scratch();
    const small = plan(dataDir, ['10.1.0.0/29']);
    const next = (id: string) => texts(leaseAddresses(small, owner(id), host()))[0];
    expect(['a', 'b', 'c'].map(next)).toEqual(['10.1.0.2/29', '10.1.0.3/29', '10.1.0.4/29']);
    releaseAddresses(dataDir, owner('a'), host());
    expect(['d', 'e', 'f'].map(next)).toEqual(['10.1.0.5/29', '10.1.0.6/29', '10.1.0.2/29']);
  });

  test('of a second interface of one container is another one', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24']);
    leaseAddresses(network, owner('c1'), host());
    expect(texts(leaseAddresses(network, owner('c1', { ifName: 'eth1' }), host()))).toEqual(['10.1.0.3/24']);
    expect(files.own(dataDir)).toEqual(['boot', 'c1:eth0', 'c1:eth1']);
  });

  test('can be for a container ID of any length', () => {
    const dataDir = scratch();
    const id = 'x'.repeat(250);
    leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner(id), host());
    expect(files.text(dataDir, '10.1.0.2')).toBe(`${id}\r\neth0`);
    expect(findRecord(dataDir, owner(id), host())?.containerId).toBe(id);
    expect(findRecord(dataDir, owner(`${id}y`), host())).toBeUndefined();
    expect(releaseAddresses(dataDir, owner(id), host())).toEqual([ip('10.1.0.2')]);
    expect(files.own(dataDir)).toEqual(['boot']);
  });

  test('is found at the end of a long list of pools', () => {
    const dataDir = scratch();
    const pools = Array.from({ length: 200 }, (_, at) => `10.1.${at}.0/30`).join(' ');
    for (let at = 0; at < 199; at++) files.foreign(dataDir, `10.1.${at}.2`, 'other\r\neth0');
    const [lease] = leaseAddresses(plan(dataDir, [pools]), owner('c1'), host());
    expect([texts([lease as never])[0], lease?.gateway]).toEqual(['10.1.199.2/30', ip('10.1.199.1')]);
  });
});

describe('the last reserved address', () => {
  test.each([
    ['10.1.0.100', '10.1.0.101/24'],
    ['10.1.0.100\n', '10.1.0.101/24'],
    ['10.1.0.254', '10.1.0.2/24'],
    ['10.9.0.1', '10.1.0.2/24'],
    ['nonsense', '10.1.0.2/24'],
    ['', '10.1.0.2/24'],
  ])('%j leads to %s', (text, address) => {
    const dataDir = scratch();
    files.foreign(dataDir, 'last_reserved_ip.0', text);
    expect(texts(leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('c1'), host()))).toEqual([address]);
  });

  test('is a hint: where it cannot be kept, leases are given all the same', () => {
    const dataDir = scratch();
    mkdirSync(`${dataDir}/${NETWORK}/last_reserved_ip.0`, { recursive: true });
    const machine = host();
    expect(texts(leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('c1'), machine))).toEqual(['10.1.0.2/24']);
    expect(machine.lines.join()).toContain('last_reserved_ip.0: it is a directory');
  });
});

describe('requested addresses', () => {
  test('are given, with the gateway of their pool', () => {
    const dataDir = scratch();
    const sets = ['10.1.0.0/24 10.2.0.0/24', 'fd00::/64'];
    const leases = leaseAddresses(plan(dataDir, sets, { requested: ['10.2.0.77'] }), owner('c1'), host());
    expect(texts(leases)).toEqual(['10.2.0.77/24', 'fd00::2/64']);
    expect(leases[0]?.gateway).toEqual(ip('10.2.0.1'));
    expect(files.text(dataDir, 'last_reserved_ip.0')).toBe('10.2.0.77');
  });

  test('that are taken fail the ADD, name the holder, and leave nothing', () => {
    const dataDir = scratch();
    const pod = { namespace: 'shop', name: 'web-1' };
    leaseAddresses(plan(dataDir, ['10.1.0.0/24'], { requested: ['10.1.0.9'] }), owner('c1', { pod }), host());
    const before = [files.leases(dataDir), files.own(dataDir)];
    const both = plan(dataDir, ['fd00::/64', '10.1.0.0/24'], { requested: ['10.1.0.9'] });
    const fault = faultOf(() => leaseAddresses(both, owner('c2'), host()));
    expect([fault.kind, fault.message]).toEqual([
      'address',
      expect.stringContaining('10.1.0.9 on pods: pod shop/web-1, container c1 interface eth0 holds it'),
    ]);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual(before);
  });

  test('that the same attachment holds already are a conflict', () => {
    const dataDir = scratch();
    files.foreign(dataDir, '10.1.0.9', 'c1\r\neth0');
    const fault = faultOf(() =>
      leaseAddresses(plan(dataDir, ['10.1.0.0/24'], { requested: ['10.1.0.9'] }), owner('c1'), host()),
    );
    expect([fault.kind, fault.message]).toEqual(['conflict', expect.stringContaining('it holds 10.1.0.9 already')]);
  });

  test('whose holder is dead are taken over', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24'], { requested: ['10.1.0.9'] });
    leaseAddresses(network, owner('c1'), host());
    const leases = leaseAddresses(network, owner('c2'), host({ isDead: ({ containerId }) => containerId === 'c1' }));
    expect(texts(leases)).toEqual(['10.1.0.9/24']);
    expect(files.own(dataDir)).toEqual(['boot', 'c2:eth0']);
  });
});

describe('a retried ADD', () => {
  test('of an attachment that may live is a conflict that names what it holds and what to do', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24', 'fd00::/64']);
    const netns = { path: '/run/netns/x', device: 4, inode: 1 };
    leaseAddresses(network, owner('c1', { netns }), host());
    const fault = faultOf(() => leaseAddresses(network, owner('c1', { netns }), host()));
    expect(fault.kind).toBe('conflict');
    expect(fault.message).toMatch(
      /container c1 interface eth0 to pods: it holds 10.1.0.2\/24 and fd00::2\/64 since 2.* in \/run\/netns\/x/,
    );
    expect(fault.details).toContain('DEL');
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', 'fd00::2']);
  });

  test('of a dead attachment replaces it', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24']);
    leaseAddresses(network, owner('c1'), host());
    const machine = host({ isDead: () => true });
    expect(texts(leaseAddresses(network, owner('c1'), machine))).toEqual(['10.1.0.3/24']);
    expect(files.leases(dataDir)).toEqual(['10.1.0.3']);
    expect(machine.lines.join()).toContain('replaced container c1');
  });

  test('removes what the dead one has on the node first, under the lock, while the leases are there', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24']);
    leaseAddresses(network, owner('c1', { hostVeth: 'veth1' }), host());
    const seen: unknown[] = [];
    const detach: Host['detach'] = (_, record) => {
      const lock = statSync(`${dataDir}/${NETWORK}/lock`);
      const isLocked = readFileSync('/proc/locks', 'utf8').includes(`:${lock.ino} `);
      seen.push([record?.hostVeth, record?.addresses, files.leases(dataDir), isLocked]);
    };
    leaseAddresses(network, owner('c1'), host({ isDead: () => true, detach }));
    recordAttachment(dataDir, owner('c1'), host({ isDead: () => true, detach }));
    expect(seen).toEqual([
      ['veth1', ['10.1.0.2/24'], ['10.1.0.2'], true],
      [undefined, ['10.1.0.3/24'], ['10.1.0.3'], true],
    ]);
  });

  test('fails where that cannot be removed, and keeps lease and record', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24']);
    leaseAddresses(network, owner('c1'), host());
    const detach = () => {
      throw new Fault('unsupported', 'cannot run x', { details: 'Install it.' });
    };
    const { kind, message, details } = faultOf(() =>
      leaseAddresses(network, owner('c1'), host({ isDead: () => true, detach })),
    );
    expect([kind, message, details]).toEqual([
      'unsupported',
      'cannot remove what container c1 interface eth0 has on the node: cannot run x',
      'Its addresses stay leased until that is gone. Install it.',
    ]);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([['10.1.0.2'], ['boot', 'c1:eth0']]);
  });

  test('after a kill between the record and the leases goes through', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24']);
    leaseAddresses(network, owner('c1'), host());
    rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    expect(texts(leaseAddresses(network, owner('c1'), host()))).toEqual(['10.1.0.3/24']);
    expect(findRecord(dataDir, owner('c1'), host())?.addresses).toEqual(['10.1.0.3/24']);
  });

  test('keeps its hands off a lease that the same attachment got from host-local meanwhile', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/24']);
    leaseAddresses(network, owner('c1'), host({ nowMs: () => Date.now() - 60_000 }));
    rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    files.foreign(dataDir, '10.1.0.2', 'c1\r\neth0');
    leaseAddresses(network, owner('c1'), host({ isDead: () => true }));
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3']);
  });
});

describe('an exhausted range', () => {
  test('says how many are held, by whom, and what to run; and leaves nothing', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['fd00::/64', '10.1.0.0/28']);
    for (let at = 0; at < 13; at++) {
      const pod = at === 0 ? { namespace: 'shop', name: 'web' } : undefined;
      leaseAddresses(network, owner(`c${at}`, { pod }), host());
    }
    const before = [files.leases(dataDir), files.own(dataDir)];
    const { kind, message, details } = faultOf(() => leaseAddresses(network, owner('more'), host()));
    expect(kind).toBe('exhausted');
    expect(message).toContain('on pods: range set 1 (10.1.0.1-10.1.0.14) is exhausted, 13 of 13 addresses are leased');
    expect(details).toContain('10.1.0.2 pod shop/web, container c0 interface eth0; 10.1.0.3 container c1');
    expect(details).toContain('and 8 more');
    expect(details).toContain('Release what is gone with DEL or GC');
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual(before);
  });

  test('gives what the dead hold, tells of them, and never takes from the living', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    for (const id of ['a', 'b', 'c', 'd', 'e']) leaseAddresses(network, owner(id), host());
    const detached: string[] = [];
    const machine = host({
      isDead: ({ containerId }) => containerId === 'b' || containerId === 'd',
      detach: ({ containerId }) => detached.push(containerId),
    });
    const given = ['x', 'y'].map((id) => texts(leaseAddresses(network, owner(id), machine))[0]);
    expect(given).toEqual(['10.1.0.3/29', '10.1.0.5/29']);
    expect(detached.sort()).toEqual(['b', 'd']);
    expect(faultOf(() => leaseAddresses(network, owner('z'), machine)).kind).toBe('exhausted');
    expect(files.own(dataDir)).toEqual(['a:eth0', 'boot', 'c:eth0', 'e:eth0', 'x:eth0', 'y:eth0']);
  });

  test('keeps what a dead one holds as long as the rest of it cannot be removed, and says why', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    for (const id of ['a', 'b', 'c', 'd', 'e']) leaseAddresses(network, owner(id), host());
    const machine = host({
      isDead: ({ containerId }) => containerId === 'b' || containerId === 'd',
      detach: ({ containerId }) => {
        if (containerId === 'b') throw new Fault('unsupported', 'cannot run x', { details: 'Install it.' });
      },
    });
    const reason = 'cannot remove what container b interface eth0 has on the node: cannot run x';
    expect(texts(leaseAddresses(network, owner('y'), machine))).toEqual(['10.1.0.5/29']);
    expect(machine.lines.join()).toContain(`warn: ${reason}`);
    const { kind, details } = faultOf(() => leaseAddresses(network, owner('z'), machine));
    expect(kind).toBe('exhausted');
    expect(details).toStartWith(
      `1 dead attachments are kept: ${reason}. Its addresses stay leased until that is gone. Install it. None of the other`,
    );
    expect(files.leases(dataDir)).toContain('10.1.0.3');
  });

  test('says how many leases could not be judged, why, and what to do', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    for (const id of ['a', 'b', 'c', 'd']) leaseAddresses(network, owner(id), host());
    files.foreign(dataDir, '10.1.0.6', 'e\r\neth0');
    const machine = host({
      judge: ({ containerId }) => ({ state: containerId === 'a' ? 'unknown' : 'alive', evidence: 'EACCES' }),
    });
    const doubts = (count: number) =>
      `${count} leases could not be judged alive or dead and are kept: EACCES. Run the plugin with CAP_SYS_PTRACE`;
    expect(faultOf(() => leaseAddresses(network, owner('x'), machine)).details).toContain(doubts(2));
    const requested = plan(dataDir, ['10.1.0.0/29'], { requested: ['10.1.0.2'] });
    expect(faultOf(() => leaseAddresses(requested, owner('x'), machine)).details).toContain(doubts(1));
    const fault = faultOf(() => leaseAddresses(network, owner('a'), machine));
    expect(fault.kind).toBe('conflict');
    expect(fault.details).toContain('Whether it is alive cannot be known: EACCES.');
  });

  test('is not at all looked into while there is room', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    leaseAddresses(network, owner('a'), host());
    leaseAddresses(network, owner('b'), host({ isDead: () => true }));
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3']);
  });
});

describe('what stands in the way of a lease', () => {
  test('an empty file is an aborted write: removed, and its address given', () => {
    const dataDir = scratch();
    files.foreign(dataDir, '10.1.0.2', '');
    const machine = host();
    expect(texts(leaseAddresses(plan(dataDir, ['10.1.0.0/30']), owner('c1'), machine))).toEqual(['10.1.0.2/30']);
    expect(machine.lines.filter((line) => line.includes('10.1.0.2 is empty: removed it'))).toHaveLength(1);
  });

  test('an empty file that a record claims stays: somebody lives there', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/30']);
    leaseAddresses(network, owner('c1'), host());
    writeFileSync(`${dataDir}/${NETWORK}/10.1.0.2`, '');
    const machine = host();
    expect(faultOf(() => leaseAddresses(network, owner('c2'), machine)).kind).toBe('exhausted');
    expect(machine.lines.join()).toContain('kept it, since a record claims the address');
  });

  test.each(['\0\0\0\0', 'some words here', '{"json":1}', 'c1\r\neth0\r\nmore'])(
    'unreadable content %j is respected',
    (text) => {
      const dataDir = scratch();
      files.foreign(dataDir, '10.1.0.2', text);
      expect(texts(leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('c1'), host()))).toEqual(['10.1.0.3/29']);
      expect(files.text(dataDir, '10.1.0.2')).toBe(text);
    },
  );

  test('a directory, and a link to nowhere, take their address and no more', () => {
    const dataDir = scratch();
    mkdirSync(`${dataDir}/${NETWORK}/10.1.0.2`, { recursive: true });
    symlinkSync('/nowhere', `${dataDir}/${NETWORK}/10.1.0.3`);
    expect(texts(leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('c1'), host()))).toEqual(['10.1.0.4/29']);
  });

  test('files that name no address are nobody’s business', () => {
    const dataDir = scratch();
    for (const name of ['README', '10.1.0.300', '010.001.000.002', 'FD00::2', '.hidden', '::ffff:10.1.0.2'])
      files.foreign(dataDir, name, 'c1\r\neth0');
    expect(texts(leaseAddresses(plan(dataDir, ['10.1.0.0/29', 'fd00::/64']), owner('c1'), host()))).toEqual([
      '10.1.0.2/29',
      'fd00::2/64',
    ]);
    releaseAddresses(dataDir, owner('c1'), host());
    expect(files.leases(dataDir)).toHaveLength(6);
  });

  test('what a killed process left half-written is in nobody’s way', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    leaseAddresses(network, owner('c1'), host());
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/.new`, 'half');
    leaseAddresses(network, owner('c2'), host());
    expect(files.text(dataDir, '10.1.0.3')).toBe('c2\r\neth0');
    expect(files.own(dataDir)).toEqual(['boot', 'c1:eth0', 'c2:eth0']);
  });
});

describe('the record alone', () => {
  test('is written for an attachment without addresses, and goes with DEL', () => {
    const dataDir = scratch();
    recordAttachment(dataDir, owner('c1', { hostVeth: 'veth1' }), host());
    expect(findRecord(dataDir, owner('c1'), host())).toMatchObject({ addresses: [], hostVeth: 'veth1' });
    expect(files.leases(dataDir)).toEqual([]);
    expect(faultOf(() => recordAttachment(dataDir, owner('c1'), host())).message).toContain('it is attached since');
    recordAttachment(dataDir, owner('c1', { hostVeth: 'veth2' }), host({ isDead: () => true }));
    expect(findRecord(dataDir, owner('c1'), host())?.hostVeth).toBe('veth2');
    releaseAddresses(dataDir, owner('c1'), host());
    expect(files.own(dataDir)).toEqual(['boot']);
  });

  test('is replaced when it cannot be read', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    leaseAddresses(network, owner('c1'), host());
    const path = `${dataDir}/.trestle/${NETWORK}/c1:eth0`;
    for (const text of [
      '',
      '{',
      '[]',
      '{"version":1}',
      readFileSync(path, 'utf8').replace('10.1.0.2/29', 'x'),
      encodeRecord({ ...owner('other'), version: 1, addresses: [], bootId: 'x', createdAt: new Date().toISOString() }),
    ]) {
      writeFileSync(path, text);
      const machine = host();
      expect(findRecord(dataDir, owner('c1'), machine)).toBeUndefined();
      expect(machine.lines).toEqual([expect.stringContaining('c1:eth0')]);
    }
    const fault = faultOf(() => leaseAddresses(network, owner('c1'), host()));
    expect([fault.kind, fault.message]).toEqual(['conflict', expect.stringContaining('it holds 10.1.0.2 already')]);
    rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    leaseAddresses(network, owner('c1'), host());
    expect(findRecord(dataDir, owner('c1'), host())?.addresses).toEqual(['10.1.0.3/29']);
  });
});
