/** `trestle trace` where nothing is wrong, where the target refuses, and where the command line is misused. */

import { expect, test } from 'bun:test';
import { exec } from '../../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../../support/node.ts';
import { operate, placeOf } from '../../support/operator.ts';
import { sourceServer } from '../../support/traffic.ts';
import { e2eOnNodes, hostVeth, V4, V6 } from '../support/network.ts';
import { seenOf, traceScene } from '../support/trace.ts';

e2eOnNodes('trestle trace, answered', (artifact) => {
  test('to the gateway, another container and the outside, in both families', () => {
    using scene = traceScene(artifact);
    const { node, first, trace } = scene;
    const veth = hostVeth(node, first).ifname;
    for (const to of [V4.gateway, V6.gateway]) {
      const traced = trace(to);
      expect(traced).toMatchObject({ answered: true });
      expect(traced.cause).toBeUndefined();
      expect(seenOf(traced, 'port')).toEqual([`${veth}, port of cni0: forwarding`]);
      expect(seenOf(traced, 'route').at(-1)).toBe(`${to} is the node itself`);
      expect(traced.steps.some(({ bad }) => bad)).toBe(false);
    }
    for (const to of [V4.second, V6.second, 'web-0', 'shop/web-0']) expect(trace(to)).toMatchObject({ answered: true });
    for (const [to, own, outer] of [
      [OUTSIDE_ADDRESS[4], V4.first, NODE_ADDRESS[4]],
      [OUTSIDE_ADDRESS[6], V6.first, NODE_ADDRESS[6]],
    ] as const) {
      const traced = trace(to);
      expect(traced).toMatchObject({ answered: true, source: own });
      expect(seenOf(traced, 'connection')).toEqual([`source ${own} translated to ${outer}`]);
      expect(seenOf(traced, 'rule').some((seen) => /inet trestle .* masquerade/.test(seen))).toBe(true);
      expect(seenOf(traced, 'leaves')).toEqual([`by eth0, from ${outer} to ${to}`]);
    }
  });

  test('from the node, by each name of the container, and from a namespace that is none of ours', () => {
    using scene = traceScene(artifact);
    const { node, first, traceFrom } = scene;
    for (const to of [V4.first, V6.first, OUTSIDE_ADDRESS[4], NODE_ADDRESS[4]])
      expect(traceFrom('node', to)).toMatchObject({ answered: true });
    const names = [first.id.slice(0, 10), V4.first, hostVeth(node, first).ifname, first.netnsPath];
    for (const name of names) expect(traceFrom(name, V4.gateway)).toMatchObject({ answered: true, source: V4.first });
    expect(traceFrom(node.outside.path, NODE_ADDRESS[4])).toMatchObject({ answered: true, source: OUTSIDE_ADDRESS[4] });
  });

  test('by a port of TCP and UDP, and by a published port', async () => {
    using scene = traceScene(artifact);
    const { node, second, trace, traceFrom } = scene;
    using _ = await sourceServer(second.ns, 7777);
    expect(trace(`${V4.second}:7777`)).toMatchObject({ answered: true });
    expect(trace(`[${V6.second}]:7777`)).toMatchObject({ answered: true });
    expect(trace(`${V4.second}:7777`, '--protocol', 'udp')).toMatchObject({ answered: true });
    // A server of its own: the probe resets what it opened, which not every server survives.
    using _other = await sourceServer(second.ns, 7778);
    exec(node.ns, [
      'iptables-nft',
      '-t',
      'nat',
      '-A',
      'PREROUTING',
      '-p',
      'tcp',
      '--dport',
      '8080',
      '-j',
      'DNAT',
      '--to-destination',
      `${V4.second}:7778`,
    ]);
    const published = traceFrom(node.outside.path, `${NODE_ADDRESS[4]}:8080`);
    expect(published).toMatchObject({ answered: true });
    expect(seenOf(published, 'connection')).toEqual([
      expect.stringContaining(`destination ${NODE_ADDRESS[4]}:8080 translated to ${V4.second}:7778`),
    ]);
    const rule = published.steps.find((one) => one.rule?.chain === 'PREROUTING');
    expect(rule?.seen).toContain(`iptables nat PREROUTING rule 1: meta l4proto tcp`);
    expect(rule?.seen).toContain(`-j DNAT --to-destination ${V4.second}:7778`);
  });
});

e2eOnNodes('trestle trace, refused', (artifact) => {
  test('by a target that listens on no such port', () => {
    using scene = traceScene(artifact);
    const { trace } = scene;
    for (const to of [`${V4.second}:81`, `${OUTSIDE_ADDRESS[4]}:81`, `[${OUTSIDE_ADDRESS[6]}]:81`]) {
      const { cause, answered } = trace(to);
      expect(answered).toBe(false);
      expect(cause).toMatchObject({ code: 'refused', what: `${to} refused the connection: nothing listens there` });
    }
    const { cause } = trace(`${OUTSIDE_ADDRESS[4]}:81`, '--protocol', 'udp');
    expect(cause).toMatchObject({ code: 'refused' });
    expect(cause?.what).toContain(`${OUTSIDE_ADDRESS[4]} refused the datagram`);
  });
});

e2eOnNodes('trestle trace, misused', (artifact) => {
  test.each([
    ['a name that nothing has', ['nobody', V4.gateway], 'no attachment has that name'],
    ['a target that is nothing', ['node', 'nobody'], 'it is no address, and no attachment has that name'],
    ['a port that is none', ['node', '10.0.0.1:70000'], '70000 is no port'],
    ['TCP without a port', ['node', '10.0.0.1', '--protocol', 'tcp'], 'needs a port'],
    ['ICMP with one', ['node', '10.0.0.1:80', '--protocol', 'icmp'], 'has no port'],
    ['a time that is none', ['node', '10.0.0.1', '--timeout', 'soon'], 'no number of seconds'],
    ['one end alone', ['node'], 'TO[:PORT]'],
  ])('%s', (_, args, text) => {
    using scene = traceScene(artifact);
    const { status, stdout, stderr } = operate(scene.node, artifact, ['trace', ...args, ...placeOf(scene.node)]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(text);
  });

  test('a beginning that two containers share', () => {
    using scene = traceScene(artifact);
    const { status, stderr } = operate(scene.node, artifact, ['trace', '', V4.gateway, ...placeOf(scene.node)]);
    expect(status).toBe(2);
    expect(stderr).toContain('no attachment has that name');
  });
});

e2eOnNodes('trestle trace, as text', (artifact) => {
  test('is a numbered list, and a last line', () => {
    using scene = traceScene(artifact);
    const run = (to: string) => operate(scene.node, artifact, ['trace', scene.first.id, to, ...placeOf(scene.node)]);
    const well = run(OUTSIDE_ADDRESS[4]);
    expect(well.status).toBe(0);
    expect(well.stdout).toMatch(
      /^icmp from container [0-9a-f]{12} to 203\.0\.113\.1\n 1 {2}container {2}route +via 10\.89\.0\.1 by eth0/,
    );
    expect(well.stdout).toMatch(/\nAnswered in \d+\.\d ms\.\n$/);
    const refused = run(`${OUTSIDE_ADDRESS[4]}:81`);
    expect(refused.status).toBe(1);
    expect(refused.stdout).toMatch(
      /\nEnded: 203\.0\.113\.1:81 refused the connection: nothing listens there\.\nTo do: .*\n$/,
    );
  });
});
