/** Several processes that make the same things at the same time. */

import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { removeMasquerade, verifyMasquerade } from '../../../src/resources/masquerade/nftables.ts';
import { cidrs, links } from '../../support/kernel.ts';
import { createNetns, type Netns, spawnIn } from '../../support/netns.ts';
import { nftElements, nftRules, nftSnapshot } from '../../support/nft.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { withNft } from '../support/inside.ts';
import { cidr } from '../support/values.ts';

const WORKER = join(import.meta.dir, '../support/worker.ts');

/** Starts one that waits for the word. */
async function start(ns: Netns, addresses: readonly string[]) {
  const child = spawnIn(ns, [process.execPath, WORKER, ...addresses]);
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) throw new Error(await child.stderr.text());
  return child;
}

/** Starts a process for each, lets all go, and waits for their ends. */
async function runAtOnce(ns: Netns, lists: readonly (readonly string[])[]): Promise<void> {
  const children = await Promise.all(lists.map((list) => start(ns, list)));
  for (const child of children) {
    child.stdin.write('go\n');
    child.stdin.flush();
  }
  const ends = await Promise.all(children.map(async (child) => [await child.exited, await child.stderr.text()]));
  expect(ends).toEqual(lists.map(() => [0, '']));
}

describeOnKernel('four processes at once', () => {
  test('that come and go, where the last one takes all with it, lose no element and no rule', async () => {
    using ns = createNetns();
    const addresses = [2, 3, 4, 5].map((at) => `10.1.0.${at}/16`);
    await runAtOnce(
      ns,
      addresses.map((address) => ['coming-and-going', address]),
    );
    expect(nftElements(ns).map(({ value }) => value)).toEqual(
      addresses.map((address) => address.split('/')[0] as string),
    );
    expect(nftRules(ns, 'trestle')).toHaveLength(2);
    withNft(ns, (connection) => {
      for (const address of addresses) {
        const entry = { network: 'pods', address: cidr(address), owner: `pods/${address}/eth0` };
        verifyMasquerade(connection, entry);
        removeMasquerade(connection, entry);
      }
    });
    expect(nftSnapshot(ns)).toEqual([]);
  });

  test('make one bridge, one address a family, one rule a subnet, and all their elements', async () => {
    using ns = createNetns();
    const addresses = Array.from({ length: 4 }, (_, process) =>
      Array.from({ length: 10 }, (_, at) => [`10.1.${process}.${at + 2}/16`, `fd00:1::${process}:${at + 2}/64`]).flat(),
    );
    await runAtOnce(ns, addresses);
    expect(links(ns, 'bridge').map(({ ifname, mtu }) => [ifname, mtu])).toEqual([['cni0', 1400]]);
    expect(cidrs(ns, 'cni0')).toEqual(['10.1.0.1/16', 'fd00:1::1/64']);
    expect(nftSnapshot(ns).filter(({ kind }) => kind === 'set')).toHaveLength(2);
    expect(nftRules(ns, 'trestle')).toHaveLength(4);
    expect(
      nftElements(ns)
        .map(({ comment }) => comment)
        .sort(),
    ).toEqual(
      addresses
        .flat()
        .map((address) => `pods/${address}/eth0`)
        .sort(),
    );
  });
});
