/** A container with a process in its namespace, which keeps that alive whatever becomes of its path. */

import { identity, spawnIn } from '../../support/netns.ts';
import type { Container } from '../../support/node.ts';

/** Starts one, and ends it when it goes out of scope. It is inside when this returns. */
export function inhabited({ ns }: Pick<Container, 'ns'>): Disposable {
  const child = spawnIn(ns, ['cat']);
  const own = identity('/proc/self/ns/net');
  const there = () => identity(`/proc/${child.pid}/ns/net`);
  for (let tries = 0; tries < 200 && there() === own; tries++) Bun.sleepSync(5);
  if (there() !== identity(ns.path)) throw new Error(`no process entered ${ns.path}`);
  return { [Symbol.dispose]: () => child.kill('SIGKILL') };
}
