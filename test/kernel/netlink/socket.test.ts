/** Netlink sockets: where they are bound, what they carry, what they say. */

import { expect, test } from 'bun:test';
import { closeConnection, connect, execute } from '../../../src/netlink/connection.ts';
import { KernelError } from '../../../src/netlink/error.ts';
import { query } from '../../../src/netlink/nft/batch.ts';
import { decodeElements, listElements } from '../../../src/netlink/nft/set.ts';
import { listAddresses } from '../../../src/netlink/route/address.ts';
import { decodeLink, getLink, listLinks } from '../../../src/netlink/route/link.ts';
import { createBridge, setLinkUp } from '../../../src/netlink/route/link-change.ts';
import { openSocket } from '../../../src/netlink/socket.ts';
import { thrownBy } from '../../support/fault.ts';
import { links } from '../../support/kernel.ts';
import { createNetns, exec, ipBatch } from '../../support/netns.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside, withNft, withRoute } from '../support/inside.ts';
import { mac } from '../support/values.ts';

const namesOf = (replies: readonly { payload: Uint8Array }[]) => replies.map(({ payload }) => decodeLink(payload).name);

describeOnKernel('a socket', () => {
  test('stays in the namespace that it was opened in', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add br-here type bridge');
    const connection = inside(ns, () => connect(openSocket('route')));
    const [replies] = execute(connection, listLinks());
    execute(connection, createBridge({ name: 'br-more', mac: mac('02:00:00:00:00:01') }));
    closeConnection(connection);
    expect(namesOf(replies ?? [])).toEqual(['lo', 'br-here']);
    expect(links(ns, 'bridge').map(({ ifname }) => ifname)).toEqual(['br-here', 'br-more']);
  });

  test('is closed for good', () => {
    using ns = createNetns();
    const before = openFiles();
    for (let times = 0; times < 5; times++) withRoute(ns, (connection) => execute(connection, getLink('lo')));
    expect(openedSince(before)).toEqual([]);
  });

  test('carries several requests, of which a refused one stops no other', () => {
    using ns = createNetns();
    withRoute(ns, (connection) => {
      const thrown = thrownBy(() => execute(connection, setLinkUp('nothere'), setLinkUp('lo')));
      expect((thrown as Error).message).toBe('cannot set nothere up: no such device (ENODEV)');
      const [[reply] = []] = execute(connection, getLink('lo'));
      expect(decodeLink(reply?.payload ?? new Uint8Array()).up).toBe(true);
    });
  });
});

describeOnKernel('the kernel', () => {
  test('says in a sentence why it refuses', () => {
    using ns = createNetns();
    const create = createBridge({ name: 'br0', mac: mac('02:00:00:00:00:01'), mtu: 60 });
    const error = withRoute(ns, (connection) => thrownBy(() => execute(connection, create))) as KernelError;
    expect(error).toBeInstanceOf(KernelError);
    expect(error.message).toBe('cannot create the bridge br0: invalid argument (EINVAL): mtu less than device minimum');
  });

  test('filters what is listed: the addresses of one link, the ports of one bridge', () => {
    using ns = createNetns();
    ipBatch(
      ns,
      `link add br0 type bridge
       link add br1 type bridge
       link add left type veth peer name right
       link set left master br0
       link set right master br1
       address add 10.1.0.1/24 dev br0
       address add 10.2.0.1/24 dev br1`,
    );
    const index = Object.fromEntries(links(ns).map(({ ifname, ifindex }) => [ifname, ifindex]));
    withRoute(ns, (connection) => {
      const [addresses, ports] = execute(connection, listAddresses(index.br1 ?? 0, 4), listLinks(index.br1));
      expect(addresses).toHaveLength(1);
      expect(namesOf(ports ?? [])).toEqual(['right']);
    });
  });

  test('sends long lists in many datagrams', () => {
    using ns = createNetns();
    const addresses = Array.from({ length: 5000 }, (_, at) => `10.1.${at >> 8}.${at & 255}`);
    const commands = `add table inet t; add set inet t s { type ipv4_addr; }; add element inet t s { ${addresses.join(',')} }`;
    exec(ns, ['nft', '-f', '-'], { stdin: commands.replaceAll(';', '\n').replace('ipv4_addr\n', 'ipv4_addr;') });
    const set = { table: { family: 1, name: 't' }, name: 's', keyType: 7, keyLength: 4 } as const;
    const found = withNft(ns, (connection) => query(connection, listElements(set)).flatMap(decodeElements));
    expect(new Set(found.map(({ key }) => key.join('.'))).size).toBe(5000);
  });
});
