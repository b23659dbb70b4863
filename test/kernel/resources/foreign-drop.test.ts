/** Drops in tables of others, as `nft` wrote them: only what is certain is told of. */

import { expect, test } from 'bun:test';
import { silentLog } from '../../../src/log.ts';
import { NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETTABLE } from '../../../src/netlink/nft/constants.ts';
import { findForeignDrop } from '../../../src/resources/forward-accept/foreign-drop.ts';
import { withNode } from '../../../src/resources/node.ts';
import { faultOf } from '../../support/fault.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { inside } from '../support/inside.ts';
import { spyOn } from '../support/spy.ts';

/** @throws what it finds */
function verify(ns: Netns, ...families: (4 | 6)[]): void {
  const searched = new Set(families.length > 0 ? families : ([4, 6] as const));
  inside(ns, () =>
    withNode('', silentLog, (node) => {
      const found = findForeignDrop(node, 'cni0', searched, 'check');
      if (found !== undefined) throw found;
    }),
  );
}

/** What nf_tables is asked, in its order. */
function questionsOf(ns: Netns): number[] {
  const asked: number[] = [];
  inside(ns, () =>
    withNode('', silentLog, (node) => {
      const nft = spyOn(node.nft(), (_, types) => void asked.push(...types.map((type) => type & 0xff)));
      findForeignDrop({ ...node, nft: () => nft }, 'cni0', new Set([4, 6]), 'check');
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

const PASSING: [string, string][] = [
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

  test('that is firewalld’s is said to be', () => {
    using ns = createNetns();
    load(ns, table('drop', '').replace('mine', 'firewalld'));
    expect(faultOf(() => verify(ns)).details).toContain('firewall-cmd --permanent --zone=trusted --add-interface=cni0');
  });
});
