/** Networks that share a bridge: what an ADD finds out about the bridge still holds when it returns. */

import { describe, expect, test } from 'bun:test';
import { type Artifact, executable } from '../support/artifacts.ts';
import { failed, type Outcome, succeeded } from '../support/cni.ts';
import { iptables, savedRules, withFlavour } from '../support/iptables.ts';
import { bridgePorts, cidrs } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { spawnIn } from '../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../support/node.ts';
import { lighter, patient } from '../support/patience.ts';
import { describeOnKernel } from '../support/privilege.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { e2e, ipam, network } from './support/network.ts';
import { traced } from './support/strace.ts';

const A = { name: 'a', subnet: '10.91.0.0/24', gateway: '10.91.0.1' } as const;
const B = { name: 'b', subnet: '10.92.0.0/24', gateway: '10.92.0.1' } as const;
const OTHER_FAMILY = { name: 'c', subnet: 'fd00:93::/64', gateway: 'fd00:93::1' } as const;
type Network = typeof A | typeof B | typeof OTHER_FAMILY;

/** A runtime that knows one of them; all are on cni0. */
function on(node: ScratchNode, artifact: Artifact, { name, subnet }: Network): Runtime {
  return runtime(node, artifact, network(node, { name, ipMasq: false, ipam: ipam(node, [subnet]) }));
}

const hasGateway = (node: ScratchNode, { gateway }: Network) =>
  cidrs(node.ns, 'cni0').some((address) => address.startsWith(`${gateway}/`));

/** An ADD that returned has its gateway on the bridge; one that did not says why. */
function verifyAnswer(node: ScratchNode, net: Network, outcome: Outcome): void {
  if (outcome.status === 0) expect(cidrs(node.ns, 'cni0')).toContainEqual(expect.stringContaining(`${net.gateway}/`));
  else expect(failed(outcome)).toMatchObject({ code: 102, msg: expect.stringContaining(`cannot give cni0`) });
}

/** How often the plugin sends to the kernel in an ADD. */
function sendsOfAdd(): number {
  using node = createNode();
  const watched = traced(node, executable, '-e trace=sendto,sendmsg');
  succeeded(on(node, watched.artifact, A).add(node.container()));
  return watched.lines().filter((line) => /\bsend(to|msg)\(/.test(line)).length;
}

/** Long enough for another ADD from beginning to end. */
const PAUSE_MS = patient(100);

describeOnKernel('two networks with gateways of their own on one bridge', () => {
  test('whichever message of an ADD the other’s falls on, none returns without its gateway', async () => {
    const sends = sendsOfAdd();
    expect(sends).toBeGreaterThan(5);
    const both: string[] = [];
    for (let at = 1; at <= sends; at++) {
      using node = createNode();
      const pause = `-e trace=sendto,sendmsg -e inject=sendto,sendmsg:delay_enter=${PAUSE_MS * 1000}:when=${at}`;
      const slow = on(node, traced(node, executable, pause).artifact, A);
      const quick = on(node, executable, B);
      const [one, two] = [node.container(), node.container()];
      const slowly = slow.addAsync(one);
      await Bun.sleep(PAUSE_MS / 2);
      const [first, second] = await Promise.all([slowly, quick.addAsync(two)]);
      verifyAnswer(node, A, first);
      verifyAnswer(node, B, second);
      both.push(`${first.status}${second.status}`);
      for (const [outcome, container, net] of [[first, one, A] as const, [second, two, B] as const])
        if (outcome.status === 0) expect([net.name, ping(container.ns, net.gateway)]).toEqual([net.name, true]);
    }
    // One of them is first, so one of them has it.
    expect(both.filter((statuses) => statuses === '11')).toEqual([]);
  });
});

e2e('many at once on one bridge', (artifact) => {
  const count = lighter(artifact.name === 'dist/trestle' ? 25 : 8);
  const many = (node: ScratchNode) => Array.from({ length: count }, () => node.container());

  test(`${count} ADDs of each of two networks whose gateways exclude each other: those of one succeed`, async () => {
    using node = createNode();
    const nets = [A, B] as const;
    const pods = nets.map((net) => on(node, artifact, net));
    const containers = nets.map(() => many(node));
    const outcomes = await Promise.all(
      containers.map((list, at) => Promise.all(list.map((one) => (pods[at] as Runtime).addAsync(one)))),
    );
    for (const [at, list] of outcomes.entries()) for (const one of list) verifyAnswer(node, nets[at] as Network, one);
    const attached = outcomes.map((list) => list.filter(({ status }) => status === 0).length);
    expect([...attached].sort((x, y) => x - y)).toEqual([0, count]);
    expect(bridgePorts(node.ns).filter(({ master }) => master === 'cni0')).toHaveLength(count);
    expect(nets.filter((net) => hasGateway(node, net))).toHaveLength(1);
    const dels = containers.flatMap((list, at) => list.map((one) => (pods[at] as Runtime).delAsync(one)));
    for (const outcome of await Promise.all(dels)) succeeded(outcome);
    expect(leftovers(node)).toMatchObject({ links: ['lo'], files: {}, elements: [], containers: {} });
  });

  test(`${count} ADDs and DELs of each of two networks that get along: each has gateway and accept to the end`, async () => {
    using node = createNode();
    iptables(node.ns, 'nft', '-P', 'FORWARD', 'DROP');
    const found = withFlavour(artifact, 'nft');
    const nets = [A, OTHER_FAMILY] as const;
    const pods = nets.map((net) => on(node, found, net)) as [Runtime, Runtime];
    const [old, fresh] = [many(node), many(node)];
    const netOf = (at: number) => pods[at % 2] as Runtime;
    const addAll = (list: readonly Container[]) => list.map((one, at) => netOf(at).addAsync(one));
    const delAll = (list: readonly Container[]) => list.map((one, at) => netOf(at).delAsync(one));
    const accepts = () =>
      ([4, 6] as const).map((family) =>
        savedRules(node.ns, 'nft', family, 'filter').some((rule) => rule.includes('-j TRESTLE-FWD-cni0')),
      );
    for (const outcome of await Promise.all(addAll(old))) succeeded(outcome);
    for (const outcome of await Promise.all([...delAll(old), ...addAll(fresh)])) succeeded(outcome);
    expect(nets.map((net) => hasGateway(node, net))).toEqual([true, true]);
    expect(accepts()).toEqual([true, true]);
    for (const [at, one] of fresh.slice(0, 4).entries()) {
      expect(ping(one.ns, (nets[at % 2] as Network).gateway)).toBe(true);
      succeeded(netOf(at).check(one));
    }
    for (const outcome of await Promise.all(delAll(fresh))) succeeded(outcome);
    expect(accepts()).toEqual([false, false]);
    expect(leftovers(node)).toMatchObject({ links: ['lo'], files: {}, elements: [], containers: {} });
  });
});

/** A process that holds the lock of the node's bridges until it ends. */
async function heldLock(node: ScratchNode): Promise<Disposable & { readonly pid: number }> {
  const child = spawnIn(node.ns, ['flock', '--no-fork', '/proc/self/ns/net', 'sh', '-c', 'echo held; read line']);
  const { value } = await child.stdout.getReader().read();
  if (Buffer.from(value ?? []).toString() !== 'held\n') throw new Error('the lock was not taken');
  return { pid: child.pid, [Symbol.dispose]: () => child.kill('SIGKILL') };
}

describe('a lock that another process holds', () => {
  e2eWithExecutable('fails what needs it after 10 s, with the holder’s name, and nothing else', async () => {
    using node = createNode();
    iptables(node.ns, 'nft', '-P', 'FORWARD', 'DROP');
    const pods = on(node, executable, A);
    const [old, fresh] = [node.container(), node.container()];
    succeeded(pods.add(old));
    const before = leftovers(node);
    using holder = await heldLock(node);
    const started = performance.now();
    const add = pods.addAsync(fresh);
    // Those that only look need no lock.
    succeeded(pods.check(old));
    succeeded(pods.status());
    expect(performance.now() - started).toBeLessThan(patient(5_000));
    const outcome = await add;
    expect(outcome.ms).toBeGreaterThan(9_900);
    expect(outcome.ms).toBeLessThan(patient(15_000));
    const error = failed(outcome);
    expect(error.code).toBe(11);
    expect(error.msg).toContain(`process ${holder.pid} (sh) holds the lock, waited 10 s`);
    expect(error.details).toContain('Try again');
    expect(leftovers(node)).toEqual(before);
    holder[Symbol.dispose]();
    succeeded(pods.add(fresh));
    for (const container of [old, fresh]) succeeded(pods.del(container));
  });

  e2eWithExecutable('goes with its process, and those who wait go on', async () => {
    using node = createNode();
    const pods = on(node, executable, A);
    const containers = [node.container(), node.container(), node.container()];
    using holder = await heldLock(node);
    const adds = containers.map((one) => pods.addAsync(one));
    await Bun.sleep(patient(300));
    holder[Symbol.dispose]();
    for (const outcome of await Promise.all(adds)) succeeded(outcome);
    for (const container of containers) expect(ping(container.ns, A.gateway)).toBe(true);
  });
});

/** The wait is the same whichever artifact waits. */
function e2eWithExecutable(name: string, body: () => Promise<void>): void {
  describeOnKernel(executable.name, () => test(name, body));
}
