/** Whether the namespace at the other end of a veth is being taken away. */

import { expect, test } from 'bun:test';
import { findLink } from '../../../src/resources/links.ts';
import { hasDyingPeer } from '../../../src/resources/port/veth.ts';
import { createNetns, ipBatch, spawnIn } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { run } from '../../support/process.ts';
import { withRoute } from '../support/inside.ts';

describeOnKernel('the other end of a veth', () => {
  test('is in a namespace that is there, until nothing holds that, and the veth goes with it', () => {
    using node = createNetns();
    let seen = 0;
    for (let times = 0; times < 10; times++) {
      using container = createNetns();
      ipBatch(node, `link add veth1 type veth peer name eth0 netns ${container.name}`);
      withRoute(node, (route) => {
        const isDying = () => {
          const link = findLink(route, 'veth1');
          return link && hasDyingPeer(route, link);
        };
        expect(isDying()).toBe(false);
        {
          using _ = ending(spawnIn(container, ['cat']));
          Bun.sleepSync(20);
          run(['ip', 'netns', 'delete', container.name]);
          expect(isDying()).toBe(false);
        }
        for (let tries = 0, now = isDying(); now !== undefined; tries++, now = isDying()) {
          if (now) seen++;
          if (tries === 5000) throw new Error('the veth does not go');
        }
      });
    }
    expect(seen).toBeGreaterThan(0);
  });

  test('is in this namespace: then nothing is taken away', () => {
    using node = createNetns();
    ipBatch(node, 'link add veth1 type veth peer name veth2\nlink add br0 type bridge');
    withRoute(node, (route) => {
      for (const name of ['veth1', 'br0', 'lo'])
        expect([name, hasDyingPeer(route, findLink(route, name) as never)]).toEqual([name, false]);
    });
  });
});

function ending(child: { kill(signal: 'SIGKILL'): void }): Disposable {
  return { [Symbol.dispose]: () => child.kill('SIGKILL') };
}
