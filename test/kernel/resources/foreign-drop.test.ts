/** Drops in tables of others, as `nft` wrote them: only what is certain is told of. */

import { describe, expect, test } from 'bun:test';
import { silentLog } from '../../../src/log.ts';
import { NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETTABLE } from '../../../src/netlink/nft/constants.ts';
import { findForeignDrop, type UplinkOf } from '../../../src/resources/forward-accept/foreign-drop.ts';
import { type Node, withNode } from '../../../src/resources/node.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';
import { spyOn } from '../support/spy.ts';

/** @throws what it finds; the uplink is eth0 */
function verify(ns: Netns, ...families: (4 | 6)[]): void {
  const searched = new Set(families.length > 0 ? families : ([4, 6] as const));
  inside(ns, () =>
    withNode('', silentLog, (node) => {
      const found = findForeignDrop(node, 'cni0', searched, 'check', () => 'eth0');
      if (found !== undefined) throw found;
    }),
  );
}

/** What nf_tables is asked, in its order. */
function questionsOf(ns: Netns, uplinkOf?: UplinkOf): number[] {
  const asked: number[] = [];
  inside(ns, () =>
    withNode('', silentLog, (node) => {
      const nft = spyOn(node.nft(), (_, types) => void asked.push(...types.map((type) => type & 0xff)));
      findForeignDrop({ ...node, nft: () => nft }, 'cni0', new Set([4, 6]), 'check', uplinkOf);
    }),
  );
  return asked;
}

const load = (ns: Netns, ruleset: string) => void exec(ns, ['nft', '-f', '-'], { stdin: ruleset });
const table = (policy: string, rules: string, more = '') => `table inet mine {
  ${more}
  chain f { type filter hook forward priority filter; policy ${policy};
    ${rules.split(' ; ').join('\n')}
  }
}`;
const into = (chain: string, rules: string) => `chain ${chain} {\n ${rules.split(' ; ').join('\n')}\n }`;

const DROPPING: [string, string][] = [
  ['policy alone', table('drop', '')],
  ['a reject at the end', table('accept', 'reject')],
  ['a drop at the end, counted and logged', table('accept', 'log prefix "x" counter drop')],
  ['replies are accepted, as sets have it', table('drop', 'ct state { established, related } accept')],
  ['replies are accepted, as masks have it', table('drop', 'ct state established,related accept')],
  ['replies are accepted, as maps have it', table('drop', 'ct state vmap { established : accept, invalid : drop }')],
  ['one state is accepted', table('drop', 'ct state established accept')],
  ['published ports are accepted', table('drop', 'ct status dnat accept')],
  ['other interfaces are accepted', table('drop', 'iifname "lo" accept ; iifname "docker0" oifname "eth0" accept')],
  ['interfaces of another beginning are accepted', table('drop', 'iifname "virbr*" accept')],
  ['all but the bridge are accepted', table('drop', 'iifname != "cni0" accept')],
  ['a chain of another interface accepts', table('drop', 'iifname "docker0" jump d', into('d', 'accept'))],
  [
    'a chain accepts nothing',
    table('drop', 'jump d', into('d', 'iifname "docker0" accept ; ip saddr 10.0.0.0/8 return')),
  ],
  ['a chain rejects everything', table('accept', 'goto d', into('d', 'ct state established accept ; reject'))],
  [
    'as firewalld ends its chain',
    table(
      'accept',
      'ct state { established, related } accept ; ct status dnat accept ; iifname "lo" accept ; ct state invalid drop ; ' +
        'ip6 daddr { ::/96 } reject with icmpv6 addr-unreachable ; jump d ; reject with icmpx admin-prohibited',
      into('d', 'iifname "docker0" oifname "eth0" accept ; iifname "docker0" reject with icmpx admin-prohibited'),
    ),
  ],
  ['a table of one family', table('drop', '').replace('inet', 'ip6')],
];

/** A zone of firewalld's: what the chain `d` does not decide is dropped in the chain of the interface, not in that of others. */
const zone = (dispatch: string, ...chains: string[]) =>
  table('accept', `jump z ; reject`, [into('z', dispatch), ...chains].join('\n'));

/** The uplink is eth0. */
const DROPPING_TO_UPLINK: [string, string][] = [
  ['its zone forwards within itself', zone('iifname "cni0" goto d', into('d', 'oifname "cni0" accept ; reject'))],
  [
    'its zone rejects, and all others accept',
    zone('iifname "cni0" goto d ; accept', into('d', 'oifname "cni0" accept ; oifname "docker*" accept ; reject')),
  ],
  ['bridges are accepted among themselves', table('drop', 'iifname "cni*" oifname "cni*" accept')],
  ['other uplinks are accepted', table('drop', 'oifname != "eth0" accept')],
  [
    'a chain for both interfaces drops',
    table('accept', 'iifname "cni0" oifname "eth0" jump d', into('d', 'counter drop')),
  ],
  ['behind the routing', table('drop', 'oifname "cni0" accept').replace('forward', 'postrouting')],
];

/** Before and behind the routing. */
const DROPPING_ELSEWHERE: [string, string][] = [
  ['policy alone', table('drop', '')],
  ['a drop at the end', table('accept', 'tcp dport 22 drop ; counter drop')],
  ['a chain drops', table('accept', 'jump d', into('d', 'counter drop'))],
];

const PASSING: [string, string][] = [
  [
    'a zone accepts it to its uplink',
    zone('iifname "cni0" goto d', into('d', 'oifname "cni0" accept ; oifname "eth0" accept ; reject')),
  ],
  ['a zone accepts some of it', zone('iifname "cni0" goto d', into('d', 'tcp dport 53 accept ; reject'))],
  [
    'a policy from its zone accepts',
    zone('iifname "cni0" oifname "eth0" jump p ; iifname "cni0" goto d', into('p', 'accept'), into('d', 'reject')),
  ],
  ['others have a zone that rejects', zone('iifname "docker0" goto d ; accept', into('d', 'reject'))],
  ['a zone returns it', table('accept', 'jump z', into('z', 'iifname "cni0" return ; drop'))],
  ['a rule for the bridge is meant', table('accept', 'iifname "cni0" drop')],
  ['a rule for the bridge and the uplink is meant', table('accept', 'iifname "cni0" oifname "eth0" drop')],
  ['several outputs are accepted', table('drop', 'iifname "cni0" oifname { "eth0", "eth1" } accept')],
  ['before routing, the bridge is accepted', table('drop', 'iifname "cni0" accept').replace('forward', 'prerouting')],
  [
    'before routing, connection tracking may not know it yet',
    table('drop', 'ct state invalid accept ; ct status != dnat accept').replace('forward', 'prerouting'),
  ],
  ['behind routing, its uplink is accepted', table('drop', 'oifname "eth0" accept').replace('forward', 'postrouting')],
  [
    'behind routing, what comes in is unknown',
    table('drop', 'iifname "eth1" accept').replace('forward', 'postrouting'),
  ],
  ['behind routing, what is masqueraded', table('drop', 'ct status snat accept').replace('forward', 'postrouting')],
  ['no drop', table('accept', 'iifname "docker0" drop')],
  ['the bridge is accepted', table('drop', 'iifname "cni0" accept')],
  ['its beginning is accepted', table('drop', 'iifname "cni*" accept')],
  ['the subnet is accepted', table('drop', 'ip saddr 10.0.0.0/8 accept')],
  ['one of several interfaces', table('drop', 'iifname { "cni0", "docker0" } accept')],
  ['new connections are accepted', table('drop', 'ct state new accept')],
  ['new connections are among those accepted', table('drop', 'ct state { new, established } accept')],
  [
    'a chain accepts',
    table('drop', 'jump a ; drop', into('a', 'jump b')).replace(
      'chain f',
      `${into('b', 'iifname "cni0" accept')}\nchain f`,
    ),
  ],
  ['a chain returns before the reject', table('accept', 'jump d', into('d', 'ip saddr 10.0.0.0/8 return ; reject'))],
  ['all but others are dropped', table('accept', 'iifname "docker0" reject ; iifname != "cni0" drop')],
  ['a map that nobody can read', table('drop', 'meta mark vmap { 1 : accept }')],
  ['another hook', table('drop', '').replace('forward', 'input')],
  [
    'a chain of iptables',
    'table ip filter {\n chain FORWARD { type filter hook forward priority filter; policy drop; }\n }',
  ],
];

describeOnKernel('a table of somebody else', () => {
  test.each(DROPPING)('that drops what the bridge forwards is named: %s', (_, ruleset) => {
    using ns = createNetns();
    load(ns, ruleset);
    const fault = faultOf(() => verify(ns));
    const family = ruleset.includes('table ip6') ? 'ip6' : 'inet';
    expect(fault.kind).toBe('check');
    expect(fault.message).toBe(`what cni0 forwards is dropped by the chain f of the nftables table ${family} mine`);
    // What is advised helps.
    const advised = [...(fault.details ?? '').matchAll(/"nft (insert rule [^"]+)"/g)].map(([, command]) => command);
    expect(advised).toHaveLength(2);
    for (const command of advised) load(ns, `${command}\n`);
    verify(ns);
  });

  test.each(DROPPING_TO_UPLINK)('that drops what the bridge forwards to the uplink is named: %s', (_, ruleset) => {
    using ns = createNetns();
    load(ns, ruleset);
    const message = 'what cni0 forwards to eth0 is dropped by the chain f of the nftables table inet mine';
    expect(faultOf(() => verify(ns)).message).toBe(message);
    load(ns, `insert rule inet mine f oifname eth0 accept\n`);
    verify(ns);
  });

  describe.each(['prerouting', 'postrouting'])('at the hook %s', (hook) => {
    test.each(DROPPING_ELSEWHERE)('that drops everything is named: %s', (_, ruleset) => {
      using ns = createNetns();
      load(ns, ruleset.replace('hook forward', `hook ${hook}`));
      const fault = faultOf(() => verify(ns));
      expect(fault.message).toBe('what cni0 forwards is dropped by the chain f of the nftables table inet mine');
      expect(fault.details).toContain('"nft list chain inet mine f"');
    });
  });

  test('that drops nothing to the uplink of one family may drop it to that of the other', () => {
    using ns = createNetns();
    load(ns, table('drop', 'oifname "eth0" accept'));
    const find = (families: readonly (4 | 6)[]) =>
      inside(ns, () =>
        withNode('', silentLog, (node) =>
          findForeignDrop(node, 'cni0', new Set(families), 'check', (family) => ({ 4: 'eth0', 6: 'eth1' })[family]),
        ),
      );
    expect(find([4])).toBeUndefined();
    expect(find([4, 6])?.message).toContain('what cni0 forwards to eth1 is dropped');
  });

  test('that drops to the uplink is not looked for where the node has none, or where it is the bridge', () => {
    using ns = createNetns();
    load(ns, table('drop', 'oifname "cni1" accept'));
    for (const uplink of [undefined, 'cni0']) {
      const find = (node: Node) => findForeignDrop(node, 'cni0', new Set([4]), 'check', () => uplink);
      expect(inside(ns, () => withNode('', silentLog, find))).toBeUndefined();
    }
  });

  test.each(PASSING)('that may let it pass is not: %s', (_, ruleset) => {
    using ns = createNetns();
    load(ns, ruleset);
    verify(ns);
  });

  test('of a family that the network does not have is nobody’s business', () => {
    using ns = createNetns();
    load(ns, table('drop', '').replace('inet', 'ip6'));
    verify(ns, 4);
    expect(() => verify(ns, 6)).toThrow('ip6 mine');
  });

  test('is named where it is a chain in a table of iptables', () => {
    using ns = createNetns();
    exec(ns, ['iptables-nft', '-A', 'FORWARD', '-j', 'ACCEPT']);
    load(ns, table('drop', '').replace('inet mine', 'ip filter'));
    expect(() => verify(ns)).toThrow('by the chain f of the nftables table ip filter');
  });

  test('is looked for with one question where no table is that of somebody else, however many chains there are', () => {
    using ns = createNetns();
    expect(questionsOf(ns)).toEqual([NFT_MSG_GETTABLE]);
    const chains = Array.from({ length: 100 }, (_, at) => `chain KUBE-SVC-${at} { }`).join('\n');
    const proxied = 'chain filter-forward { type filter hook forward priority -110; ct state new jump KUBE-SVC-1; }';
    load(ns, `table ip nat {\n${chains}\n}\ntable ip kube-proxy {\n${chains}\n${proxied}\n}\ntable inet trestle { }`);
    expect(questionsOf(ns)).toEqual([NFT_MSG_GETTABLE]);
    load(ns, table('accept', 'iifname "docker0" drop').replace('inet', 'ip'));
    expect(questionsOf(ns)).toEqual([NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE]);
  });

  test('costs nothing for the chains of iptables before and behind the routing, and for those that translate or are empty', () => {
    using ns = createNetns();
    for (const [name, chain] of Object.entries({ nat: 'POSTROUTING', mangle: 'PREROUTING', raw: 'PREROUTING' }))
      exec(ns, ['iptables-nft', '-t', name, '-A', chain, '-s', '192.0.2.1', '-j', 'ACCEPT']);
    const chain = (type: string, hook: string, rules = '') =>
      `chain ${type}-${hook} { type ${type} hook ${hook} priority 0; policy accept; ${rules} }`;
    const chains = [chain('nat', 'prerouting', 'drop;'), chain('filter', 'prerouting'), chain('filter', 'forward')];
    load(ns, `table ip mine {\n${chains.join('\n')}\n}\n`);
    const uplinkOf = () => {
      throw new Error('the uplink was looked up');
    };
    expect(questionsOf(ns, uplinkOf)).toEqual([NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN]);
  });

  test('that is firewalld’s in panic mode is named before what it drops otherwise', () => {
    using ns = createNetns();
    load(ns, table('drop', '').replace('mine', 'firewalld'));
    load(ns, table('drop', '').replace('mine', 'firewalld_policy_drop').replace('hook forward', 'hook prerouting'));
    const fault = faultOf(() => verify(ns));
    expect(fault.message).toBe(
      'what cni0 forwards is dropped by the chain f of the nftables table inet firewalld_policy_drop',
    );
    expect(fault.details).toContain('firewall-cmd --panic-off');
  });

  test('that is firewalld’s is said to be', () => {
    using ns = createNetns();
    load(ns, table('drop', '').replace('mine', 'firewalld'));
    expect(faultOf(() => verify(ns)).details).toContain('firewall-cmd --permanent --zone=trusted --add-interface=cni0');
  });
});
