/** An ADD that restores lost rules while a DEL of the same network is at work. */

import { expect, test } from 'bun:test';
import { cniAsync, succeeded } from '../support/cni.ts';
import { exec } from '../support/netns.ts';
import { nftElements } from '../support/nft.ts';
import { createNode } from '../support/node.ts';
import { runtime } from '../support/runtime.ts';
import { e2e, hostVeth, network } from './support/network.ts';
import { traced } from './support/strace.ts';

/** Between the removal of the elements and that of the host veth: long enough for an ADD. */
const DELAY_US = 1_500_000;

e2e('while a DEL removes the host veth', (artifact) => {
  test('an ADD that finds the ruleset changed puts nothing back for its container', async () => {
    using node = createNode();
    const config = network(node, { macspoofchk: true });
    const pods = runtime(node, artifact, config);
    const [leaving, staying, coming] = [node.container(), node.container(), node.container()];
    for (const container of [leaving, staying]) succeeded(pods.add(container));
    // The same DEL, with another attachment, tells which of its messages it is.
    const seen = traced(node, artifact, '-e trace=sendto');
    const rehearsed = node.container();
    succeeded(pods.add(rehearsed));
    succeeded(runtime(node, seen.artifact, config).del(rehearsed));
    const nth = seen.lines().findIndex((line) => line.includes('RTM_DELLINK')) + 1;
    expect(nth).toBeGreaterThan(0);

    const slowed = traced(node, artifact, `-e trace=sendto -e inject=sendto:delay_enter=${DELAY_US}:when=${nth}`);
    const del = cniAsync(node, { artifact: slowed.artifact, command: 'DEL', config, container: leaving });
    const isHeld = () => nftElements(node.ns).some(({ comment }) => comment?.includes(leaving.id));
    while (nftElements(node.ns).some(({ set, comment }) => set.startsWith('masq') && comment?.includes(leaving.id)))
      await Bun.sleep(20);
    exec(node.ns, ['nft', 'add table inet another']);
    succeeded(pods.add(coming));
    expect(hostVeth(node, leaving).operstate).toBe('UP'); // DEL has not gone on
    succeeded(await del);
    expect(isHeld()).toBe(false);
    expect(nftElements(node.ns).filter(({ comment }) => comment?.includes(staying.id))).not.toEqual([]);
  });
});
