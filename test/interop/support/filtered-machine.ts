/**
 * A machine with a firewall program of Debian's, two containers, and what packets and our own answers tell after each thing
 * that its administrator does.
 */

import { expect } from 'bun:test';
import { existsSync } from 'node:fs';
import { type Config, network } from '../../e2e/support/network.ts';
import { executable, reference } from '../../support/artifacts.ts';
import { cni, type Outcome, succeeded } from '../../support/cni.ts';
import { goProgram } from '../../support/go-programs.ts';
import { type Flavour, programsOf } from '../../support/iptables.ts';
import { link, setSysctl } from '../../support/kernel.ts';
import { exec, type Netns } from '../../support/netns.ts';
import { type Container, NODE_ADDRESS, OUTSIDE_ADDRESS } from '../../support/node.ts';
import { type Runtime, runtime } from '../../support/runtime.ts';
import { reached, type Server, sourceServer } from '../../support/traffic.ts';
import { UNPACKED_ROOT } from '../../support/unpacked.ts';
import { createMachine, type Machine } from './machine.ts';

/** The protocols that get an answer, of both families alike: `icmp tcp udp`; or of each: `icmp | icmp tcp udp`. */
type Answers = string;

export const ALL: Answers = 'icmp tcp udp';
export const NONE: Answers = '';

/** What is seen after a step. */
export interface Seen {
  /** The outside answers a container. */
  readonly out: Answers;
  /** A container answers another one of the bridge; bridged frames pass iptables, too. */
  readonly peer: Answers;
  /** The node answers a container. */
  readonly node: Answers;
  /** A container answers the node. */
  readonly fromNode: Answers;
  /** A container answers the outside, by a port of the node that the reference plugin portmap published. */
  readonly published: Answers;
  /** A container answers the outside by its own address. */
  readonly inward: Answers;
  /** `ok`, or the message. */
  readonly check: string;
  /** `ok`, the message of an error, or what was said on stderr. */
  readonly status: string;
}

/** Something that the administrator does, or the runtime, and what differs after it from what was seen before. */
export type Step = readonly [name: string, act: () => unknown, change: Partial<Seen>];

export interface FilteredMachine extends Disposable {
  readonly machine: Machine;
  readonly pods: Runtime;
  /** Attaches another container. @returns what its ADD said on stderr */
  add(): Promise<string>;
  /** Attaches the two that are looked at, and publishes a port of the first. */
  addBoth(): Promise<void>;
  /** Publishes the port of the first one anew. */
  publish(): void;
  /** Takes the steps and looks after each. `before`: what is seen without the first step's change. */
  follow(before: Seen, steps: readonly Step[]): Promise<void>;
}

/** Without any firewall. A container's own address is reached where the outside has a route to it. */
export const UNFILTERED: Seen = {
  ...{ out: ALL, peer: ALL, node: ALL, fromNode: ALL, published: 'tcp', inward: ALL },
  ...{ check: 'ok', status: 'ok' },
};

const PORT = 7777;
const PUBLISHED = 8080;
const FIRST = ['10.89.0.2', 'fd00:89::2'];
const SECOND = ['10.89.0.3', 'fd00:89::3'];
const GATEWAYS = ['10.89.0.1', 'fd00:89::1'];

/** `extra`: of the network's configuration. `flavour`: of what `iptables` is on the machine. */
export async function createFilteredMachine(flavour: Flavour, extra: Config = {}): Promise<FilteredMachine> {
  const machine = await createMachine({ outside: true });
  const { node } = machine;
  const artifact = { ...executable, searchPath: programsOf(flavour) };
  const pods = runtime(node, artifact, network(node, extra));
  const servers: Server[] = [];
  const [one, two] = [node.container(), node.container()];
  let result: Outcome['result'];
  const add = async (container: Container) => {
    const outcome = pods.add(container);
    succeeded(outcome);
    servers.push(await sourceServer(container.ns, PORT));
    return outcome;
  };
  try {
    unpackInto(machine, flavour);
    setSysctl(node.ns, 'net/ipv6/conf/default/accept_dad', 0);
    for (const name of ['iptables', 'ip6tables']) setSysctl(node.ns, `net/bridge/bridge-nf-call-${name}`, 1);
    for (const ns of [node.ns, node.outside]) servers.push(await sourceServer(ns, PORT));
  } catch (error) {
    machine.delete();
    throw error;
  }
  return {
    machine,
    pods,
    add: async () => (await add(node.container())).stderr,
    publish: () => publish(machine, flavour, one, result),
    async addBoth() {
      result = (await add(one)).result;
      publish(machine, flavour, one, result);
      await add(two);
      introduce(one, SECOND, two);
      introduce(two, FIRST, one);
    },
    async follow(before, steps) {
      let wanted = before;
      for (const [name, act, change] of steps) {
        await act();
        wanted = { ...wanted, ...change };
        const seen = { ...(await packets(machine, one, wanted)), ...answers(pods, one) };
        expect({ step: name, ...seen }).toEqual({ step: name, ...wanted });
      }
    },
    [Symbol.dispose]() {
      for (const server of servers) server.stop();
      machine.delete();
    },
  };
}

/** The programs are in /usr, their configuration is as their packages have it, and nothing that they write leaves the machine. */
function unpackInto(machine: Machine, flavour: Flavour): void {
  machine.mountTmpfs('/var/log');
  const copy = `mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr && cp -a "$1/etc/." /etc/`;
  if (existsSync(UNPACKED_ROOT)) machine.run(['sh', '-c', copy, 'sh', UNPACKED_ROOT]);
  const alternative = (name: string) =>
    `ln -sf /usr/sbin/${name.replace('tables', `tables-${flavour}`)} /etc/alternatives/${name}`;
  const names = ['iptables', 'ip6tables'].flatMap((name) => ['', '-save', '-restore'].map((action) => name + action));
  machine.run(['sh', '-ec', names.map(alternative).join('\n')]);
}

function publish({ node }: Machine, flavour: Flavour, container: Container, prevResult: Outcome['result']): void {
  const portmap = { ...reference('portmap'), path: goProgram('plugins', 'portmap'), searchPath: programsOf(flavour) };
  const portMappings = [{ hostPort: PUBLISHED, containerPort: PORT, protocol: 'tcp' }];
  const config = { cniVersion: '1.1.0', name: 'pods', type: 'portmap', runtimeConfig: { portMappings }, prevResult };
  succeeded(cni(node, { artifact: portmap, command: 'ADD', container, config }));
}

/** Neighbours that are known for good: a filter of bridged frames stops neighbour solicitations too, and late. */
function introduce({ ns }: Container, [, address = '']: readonly string[], of: Container): void {
  const mac = link(of.ns, 'eth0')?.address ?? '';
  exec(ns, ['ip', 'neighbour', 'replace', address, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent']);
}

/** Each direction is tried with all protocols, the outside's own ones last, when it has a route to the containers. */
async function packets({ node }: Machine, { ns }: Container, wanted: Seen): Promise<Omit<Seen, 'check' | 'status'>> {
  const ask = (from: Netns, addresses: readonly string[], answers: Answers, port = PORT) =>
    asked(from, addresses, answers, port);
  const [out, peer, toNode, fromNode, published] = await Promise.all([
    ask(ns, Object.values(OUTSIDE_ADDRESS), wanted.out),
    ask(ns, SECOND, wanted.peer),
    ask(ns, GATEWAYS, wanted.node),
    ask(node.ns, FIRST, wanted.fromNode),
    asked(node.outside, Object.values(NODE_ADDRESS), wanted.published, PUBLISHED, ['tcp']),
  ]);
  const route = (verb: 'add' | 'del') => {
    for (const [family, to] of [[4, '10.89.0.0/24'] as const, [6, 'fd00:89::/64'] as const])
      exec(node.outside, ['ip', 'route', verb, to, 'via', NODE_ADDRESS[family]]);
  };
  route('add');
  const inward = await ask(node.outside, FIRST, wanted.inward);
  route('del');
  return { out, peer, node: toNode, fromNode, published, inward };
}

/** @param addresses one of each family */
async function asked(
  from: Netns,
  addresses: readonly string[],
  wanted: Answers,
  port: number,
  protocols: readonly string[] = ALL.split(' '),
): Promise<Answers> {
  const each = wanted.includes('|') ? wanted.split(' | ') : [wanted, wanted];
  const expected = addresses.flatMap((address, at) =>
    (each[at] ?? '').split(' ').flatMap((protocol) => (protocol === '' ? [] : [`${protocol} ${address}`])),
  );
  const found = await reached(from, addresses, { port, expected });
  const of = (address: string) => protocols.filter((protocol) => found.includes(`${protocol} ${address}`)).join(' ');
  const [four, six] = addresses.map(of);
  return four === six ? (four ?? '') : `${four} | ${six}`;
}

function answers(pods: Runtime, container: Container): Pick<Seen, 'check' | 'status'> {
  return { check: said(pods.check(container)), status: said(pods.status()) };
}

function said({ status, error, stderr }: Outcome): string {
  if (error !== undefined) return error.msg;
  return status === 0 ? stderr.trim() || 'ok' : `exit status ${status}: ${stderr}`;
}
