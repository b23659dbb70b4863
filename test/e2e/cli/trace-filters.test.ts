/** `trestle trace` names the rule or policy that drops a packet, or its answer. */

import { expect, test } from 'bun:test';
import { exec, type Netns } from '../../support/netns.ts';
import { OUTSIDE_ADDRESS } from '../../support/node.ts';
import { ping } from '../../support/traffic.ts';
import { e2eOnNodes, hostVeth, V4, V6 } from '../support/network.ts';
import { traceScene } from '../support/trace.ts';

const [OUT4, OUT6] = [OUTSIDE_ADDRESS[4], OUTSIDE_ADDRESS[6]];
const iptables = (ns: Netns, ...args: string[]) => exec(ns, ['iptables-nft', ...args]);
const nft = (ns: Netns, ruleset: string) => exec(ns, ['nft', '-f', '-'], { stdin: ruleset });

/** A table with one chain at a hook, and a rule in it. */
const table = (family: string, hook: string, priority: number, rule: string, device = '') =>
  `table ${family} strange {
    chain bad {
      type filter hook ${hook} ${device} priority ${priority};
      ${rule} comment "from elsewhere"
    }
  }\n`;

e2eOnNodes('trestle trace through rules of iptables-nft', (artifact) => {
  test('a drop in FORWARD, by its number, and the command that takes it away', () => {
    using scene = traceScene(artifact);
    const { node, first, trace } = scene;
    iptables(node.ns, '-A', 'FORWARD', '-s', '192.0.2.0/24', '-j', 'DROP');
    iptables(
      node.ns,
      '-A',
      'FORWARD',
      '-s',
      V4.subnet,
      '-p',
      'icmp',
      '-m',
      'comment',
      '--comment',
      'no pings',
      '-j',
      'DROP',
    );
    expect(ping(first.ns, OUT4, { timeout: 1 })).toBe(false);
    const { cause, answered } = trace(OUT4);
    expect(answered).toBe(false);
    expect(cause).toMatchObject({
      code: 'rule',
      fix: 'iptables-nft -t filter -D FORWARD 2',
      rule: { table: 'filter', chain: 'FORWARD', number: 2, by: 'iptables' },
    });
    expect(cause?.what).toContain(
      'iptables filter FORWARD rule 2: meta l4proto icmp ip saddr 10.89.0.0/24 -m comment --comment "no pings" drop',
    );
    exec(node.ns, ['sh', '-c', cause?.fix ?? '']);
    expect(trace(OUT4)).toMatchObject({ answered: true });
  });

  test('the policy of FORWARD', () => {
    using scene = traceScene(artifact, { forward: 'off' });
    const { node, trace } = scene;
    iptables(node.ns, '-P', 'FORWARD', 'DROP');
    const { cause } = trace(OUT4);
    expect(cause).toMatchObject({
      code: 'policy',
      fix: 'iptables-nft -t filter -P FORWARD ACCEPT',
      rule: { chain: 'FORWARD' },
    });
    exec(node.ns, ['sh', '-c', cause?.fix ?? '']);
    expect(trace(OUT4)).toMatchObject({ answered: true });
  });

  test('a drop in DOCKER-USER, with the jump that leads there', () => {
    using scene = traceScene(artifact);
    const { node, trace } = scene;
    iptables(node.ns, '-N', 'DOCKER-USER');
    iptables(node.ns, '-I', 'FORWARD', '-j', 'DOCKER-USER');
    iptables(node.ns, '-A', 'DOCKER-USER', '-i', 'cni0', '-p', 'tcp', '--dport', '443', '-j', 'DROP');
    const { cause, steps } = trace(`${OUT4}:443`);
    expect(cause).toMatchObject({
      code: 'rule',
      fix: 'iptables-nft -t filter -D DOCKER-USER 1',
      rule: { chain: 'DOCKER-USER', number: 1 },
    });
    expect(cause?.what).toContain('iifname "cni0"');
    expect(cause?.what).toContain('th dport 443');
    expect(steps.some(({ rule, seen }) => rule?.chain === 'FORWARD' && seen.includes('jump DOCKER-USER'))).toBe(true);
    expect(trace(`${OUT4}:444`).cause).toMatchObject({ code: 'refused' });
  });

  test('a REJECT, which answers with an error', () => {
    using scene = traceScene(artifact);
    const { node, trace } = scene;
    iptables(node.ns, '-I', 'FORWARD', '-d', OUT4, '-j', 'REJECT', '--reject-with', 'icmp-admin-prohibited');
    exec(node.ns, ['ip6tables-nft', '-I', 'FORWARD', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset']);
    const { cause, steps } = trace(OUT4);
    expect(cause).toMatchObject({ code: 'rule', fix: 'iptables-nft -t filter -D FORWARD 1' });
    expect(cause?.what).toContain('-j REJECT');
    expect(steps.at(-1)?.seen).toContain(`communication administratively prohibited from ${V4.gateway}`);
    const six = trace(`[${OUT6}]:80`);
    expect(six.cause).toMatchObject({ code: 'rule', fix: 'ip6tables-nft -t filter -D FORWARD 1' });
    expect(six.steps.at(-1)?.seen).toContain('reset');
  });
});

e2eOnNodes("trestle trace through others' tables of nftables", (artifact) => {
  test.each([
    ['inet', 'forward', 10, `ip daddr ${OUT4} drop`, OUT4],
    ['ip', 'prerouting', -300, `iifname "cni0" ip protocol icmp drop`, OUT4],
    ['ip', 'prerouting', -450, `ip saddr ${V4.subnet} drop`, OUT4],
    ['inet', 'postrouting', 200, `oifname "eth0" meta l4proto icmp drop`, OUT4],
    ['inet', 'input', 0, `ip daddr ${V4.gateway} drop`, V4.gateway],
    ['inet', 'input', 0, `ip6 daddr ${V6.gateway} icmpv6 type echo-request drop`, V6.gateway],
    ['ip6', 'forward', 0, `ip6 daddr ${OUT6} drop`, OUT6],
    ['inet', 'forward', 0, `ip6 saddr ${V6.subnet} reject with icmpv6 type admin-prohibited`, OUT6],
    ['bridge', 'forward', 0, `ip daddr ${V4.second} drop`, V4.second],
    ['bridge', 'prerouting', 0, `ip protocol icmp drop`, OUT4],
  ])('a drop in %s %s at %d: %s', (family, hook, priority, rule, to) => {
    using scene = traceScene(artifact);
    const { node, trace } = scene;
    nft(node.ns, table(family, hook, priority, rule));
    const { cause } = trace(to);
    expect(cause).toMatchObject({
      code: 'rule',
      rule: { family, table: 'strange', chain: 'bad', comment: 'from elsewhere', by: 'nftables' },
    });
    expect(cause?.fix).toMatch(new RegExp(`^nft delete rule ${family} strange bad handle \\d+$`));
    exec(node.ns, ['sh', '-c', cause?.fix ?? '']);
    expect(trace(to)).toMatchObject({ answered: true });
  });

  test('a policy, and the command that changes it', () => {
    using scene = traceScene(artifact, { forward: 'off' });
    const { node, trace } = scene;
    nft(node.ns, 'table inet strange { chain every { type filter hook forward priority 5; policy drop; }\n}\n');
    const { cause } = trace(OUT6);
    expect(cause).toMatchObject({ code: 'policy', rule: { family: 'inet', table: 'strange', chain: 'every' } });
    exec(node.ns, ['sh', '-c', cause?.fix ?? '']);
    expect(trace(OUT6)).toMatchObject({ answered: true });
  });

  test('a drop of the answer, and of the question for a MAC', () => {
    using scene = traceScene(artifact);
    const { node, first, trace } = scene;
    nft(node.ns, table('inet', 'forward', 0, `iifname "eth0" icmp type echo-reply drop`));
    expect(trace(OUT4).cause).toMatchObject({ code: 'answer-dropped', rule: { table: 'strange', chain: 'bad' } });
    exec(node.ns, ['nft', 'delete', 'table', 'inet', 'strange']);
    nft(node.ns, table('bridge', 'prerouting', 0, 'ether type arp drop'));
    exec(first.ns, ['ip', 'neighbour', 'flush', 'all']);
    const { cause } = trace(V4.gateway);
    expect(cause).toMatchObject({ code: 'rule', rule: { family: 'bridge', table: 'strange' } });
    expect(cause?.what).toContain(`the question for the MAC of ${V4.gateway} was dropped`);
  });

  test('a drop inside the container, of the packet and of the answer', () => {
    using scene = traceScene(artifact);
    const { first, trace } = scene;
    nft(first.ns, table('inet', 'output', 0, `ip daddr ${OUT4} drop`));
    const { cause } = trace(OUT4);
    expect(cause).toMatchObject({ code: 'container-rule', rule: { table: 'strange' } });
    expect(cause?.fix).toStartWith(`nsenter --net=${first.netnsPath} nft delete rule inet strange bad handle`);
    nft(first.ns, `delete table inet strange\n${table('inet', 'input', 0, 'icmp type echo-reply drop')}`);
    expect(trace(OUT4).cause).toMatchObject({ code: 'answer-dropped', rule: { table: 'strange' } });
  });

  test('our own MAC guard, against a container with another MAC than its own', () => {
    using scene = traceScene(artifact, { macspoofchk: true });
    const { first, trace } = scene;
    expect(trace(V4.gateway)).toMatchObject({ answered: true });
    exec(first.ns, ['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99']);
    const { cause } = trace(V4.gateway);
    expect(cause).toMatchObject({ code: 'rule', rule: { family: 'bridge', table: 'trestle' } });
    expect(cause?.fix).toContain('restart the container');
  });

  test('a rule of iptables-legacy, which is said to be out of reach', () => {
    using scene = traceScene(artifact, { forward: 'off' });
    const { node, first, trace } = scene;
    exec(node.ns, ['iptables-legacy', '-A', 'FORWARD', '-s', V4.subnet, '-j', 'DROP']);
    const { cause, steps } = trace(OUT4);
    expect(cause).toMatchObject({ code: 'iptables-legacy', fix: 'iptables-legacy-save -c' });
    expect(cause?.what).toContain('lost at the hook forward');
    expect(steps.at(-1)?.seen).toBe('iptables-legacy has rules, which cannot be traced: filter (1 rule)');
    expect(hostVeth(node, first)).toBeDefined();
  });
});
