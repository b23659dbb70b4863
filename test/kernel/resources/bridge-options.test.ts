/** What attachments turn on of a bridge, and what becomes of it when they are gone. */

import { expect, test } from 'bun:test';
import { silentLog } from '../../../src/log.ts';
import { type BridgeWanted, bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import { openNode } from '../../../src/resources/node.ts';
import { link } from '../../support/kernel.ts';
import { createNetns, ipBatch, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';

const WANTED: BridgeWanted = { name: 'br0', promiscuous: true, guarded: true, isGateway: false, isOthers: true };
const OURS = 'link add p type veth peer name q\n link set p master br0 alias trestle:pods/abc/eth0';
const [ON, OFF] = [
  [true, 1],
  [false, 0],
];

function withNode<T>(ns: Netns, act: (node: ReturnType<typeof openNode>) => T): T {
  return inside(ns, () => {
    const node = openNode('', silentLog);
    try {
      return act(node);
    } finally {
      node.close();
    }
  });
}

const ensure = (ns: Netns, wanted = WANTED) => withNode(ns, (node) => bridgeKind.ensure(node, wanted));
const remove = (ns: Netns, wanted = WANTED) => withNode(ns, (node) => bridgeKind.remove?.(node, wanted));
const verify = (ns: Netns, wanted = WANTED) => withNode(ns, (node) => bridgeKind.verify(node, wanted))?.message;

/** Promiscuous mode, and no_linklocal_learn. */
function optionsOf(ns: Netns): unknown[] {
  const { flags = [], linkinfo } = link(ns, 'br0') ?? {};
  return [flags.includes('PROMISC'), linkinfo?.info_data?.no_linklocal_learn];
}

const namesOf = (ns: Netns) => (link(ns, 'br0')?.altnames ?? []) as string[];

describeOnKernel('options of a bridge that somebody else made', () => {
  test('are turned on, which the bridge itself remembers, and turned off with the last attachment', () => {
    using ns = createNetns();
    ipBatch(ns, `link add br0 type bridge\n link set br0 alias theirs\n ${OURS}`);
    for (let times = 0; times < 2; times++) ensure(ns);
    expect(optionsOf(ns)).toEqual(ON);
    expect(verify(ns)).toBeUndefined();
    expect(namesOf(ns)).toHaveLength(2);
    remove(ns);
    expect(optionsOf(ns)).toEqual(ON);
    ipBatch(ns, 'link delete p');
    for (let times = 0; times < 2; times++) remove(ns);
    expect([optionsOf(ns), namesOf(ns), link(ns, 'br0')?.ifalias]).toEqual([OFF, [], 'theirs']);
  });

  test('are turned off by an attachment that did not want them, if it is the last one', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add br0 type bridge');
    ensure(ns);
    remove(ns, { ...WANTED, promiscuous: false, guarded: false });
    expect([optionsOf(ns), namesOf(ns)]).toEqual([OFF, []]);
  });

  test('stay on where they were on before', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add br0 type bridge no_linklocal_learn 1\n link set br0 promisc on');
    ensure(ns);
    expect(namesOf(ns)).toEqual([]);
    remove(ns);
    expect(optionsOf(ns)).toEqual(ON);
  });

  test('that somebody turned off meanwhile stay off, and are on again with the next ADD', () => {
    using ns = createNetns();
    ipBatch(ns, `link add br0 type bridge\n ${OURS}`);
    ensure(ns);
    ipBatch(ns, 'link set br0 promisc off\n link set br0 type bridge no_linklocal_learn 0');
    expect(verify(ns)).toBe('promiscuous mode of the bridge br0 is off, expected on');
    expect(verify(ns, { ...WANTED, promiscuous: false })).toStartWith('the bridge br0 learns MACs');
    ensure(ns);
    expect([optionsOf(ns), verify(ns)]).toEqual([ON, undefined]);
    ipBatch(ns, 'link delete p\n link set br0 promisc off');
    remove(ns);
    expect([optionsOf(ns), namesOf(ns)]).toEqual([OFF, []]);
  });

  test('are remembered under another name of the bridge, and of each bridge', () => {
    using ns = createNetns();
    ipBatch(ns, 'link add br0 type bridge\n link add br1 type bridge');
    for (const name of ['br0', 'br1']) ensure(ns, { ...WANTED, name });
    ipBatch(ns, 'link set br0 down\n link set br0 name br2');
    for (const name of ['br1', 'br2']) remove(ns, { ...WANTED, name });
    ipBatch(ns, 'link set br2 name br0');
    expect([optionsOf(ns), namesOf(ns)]).toEqual([OFF, []]);
  });

  test('do not matter to a bridge that is gone', () => {
    using ns = createNetns();
    remove(ns);
    expect(link(ns, 'br0')).toBeUndefined();
  });
});

describeOnKernel('options of a bridge that we made', () => {
  test('stay as they are, as the bridge does', () => {
    using ns = createNetns();
    const wanted = { ...WANTED, isOthers: false };
    ensure(ns, wanted);
    remove(ns, wanted);
    expect([optionsOf(ns), namesOf(ns)]).toEqual([ON, []]);
  });
});
