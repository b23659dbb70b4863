/** The accept for what a bridge forwards, while others change iptables at the same moment. */

import { describe, expect, test } from 'bun:test';
import { silentLog } from '../../../src/log.ts';
import { closeConnection, connect } from '../../../src/netlink/connection.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETRULE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
} from '../../../src/netlink/nft/constants.ts';
import { openSocket } from '../../../src/netlink/socket.ts';
import { acceptsFor, sameAccepts } from '../../../src/resources/forward-accept/chain.ts';
import { changeFor, type ForwardAcceptDriver } from '../../../src/resources/forward-accept/driver.ts';
import { type ForwardAcceptWanted, forwardAcceptKind } from '../../../src/resources/forward-accept/forward-accept.ts';
import { legacyDriver } from '../../../src/resources/forward-accept/legacy.ts';
import { nftDriver } from '../../../src/resources/forward-accept/nftables.ts';
import { standingOf } from '../../../src/resources/forward-accept/path.ts';
import { type Node, withNode } from '../../../src/resources/node.ts';
import { FLAVOURS, type Flavour, iptables, savedRules } from '../../support/iptables.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { inside } from '../support/inside.ts';
import { before, type Look, spyOn } from '../support/spy.ts';

const CHAIN = 'TRESTLE-FWD-cni0';
const DRIVERS: Record<Flavour, ForwardAcceptDriver> = { nft: nftDriver, legacy: legacyDriver };
const AUTO = { mode: 'auto', subnets: [] } as const;
const WANTED: ForwardAcceptWanted = { bridge: 'cni0', mode: 'auto', families: [4] };
const typeOf = (message: number) => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** As a call of the plugin has it. What it logs is an error, unless `log` takes it. */
function on<T>(ns: Netns, act: (node: Node) => T, log = refuseToLog): T {
  return inside(ns, () => withNode(SYSTEM_PATH, log, act));
}

function refuseToLog(_: string, message: string): void {
  throw new Error(`it was logged: ${message}`);
}

function droppingNetns(flavour: Flavour): Netns {
  const ns = createNetns();
  iptables(ns, flavour, '-P', 'FORWARD', 'DROP');
  return ns;
}

const saved = (ns: Netns, flavour: Flavour, chain = CHAIN) =>
  savedRules(ns, flavour, 4, 'filter').filter((rule) => rule.includes(chain));
const mine = (ns: Netns, flavour: Flavour) => saved(ns, flavour).length;
/** The chain, the way to it, its three rules. */
const WHOLE = 5;

function ensure(ns: Netns, wanted: Partial<ForwardAcceptWanted> = {}): void {
  on(ns, (node) => forwardAcceptKind.ensure(node, { ...WANTED, ...wanted }));
}

/** The datagrams that an ADD sends for IPv4, each by the types of its messages, before it looks for drops of others. */
function questionsOf(ns: Netns): number[][] {
  const seen: number[][] = [];
  on(ns, (node) => {
    const nft = spyOn(node.nft(), (_, types) => void seen.push([...types]));
    changeFor(nftDriver.read({ ...node, nft: () => nft }, 4, 'cni0'), 4, 'cni0', AUTO);
  });
  return seen;
}

/** The same as `ensure`, with each datagram seen on its way. */
function ensureSpied(ns: Netns, look: Look): void {
  on(ns, (node) => {
    const nft = spyOn(node.nft(), look);
    forwardAcceptKind.ensure({ ...node, nft: () => nft }, WANTED);
  });
}

/** The same, while another process does it just before the first message of that type is sent. */
function ensureTwice(ns: Netns, message: number): void {
  const other = on(ns, (node) => node && connect(openSocket('netfilter')));
  try {
    ensureSpied(
      ns,
      before(typeOf(message), () => {
        withNode(SYSTEM_PATH, silentLog, (node) => forwardAcceptKind.ensure({ ...node, nft: () => other }, WANTED));
      }),
    );
  } finally {
    closeConnection(other);
  }
}

const flushed = (chain: string) => (ns: Netns) => void exec(ns, ['nft', 'flush', 'chain', 'ip', 'filter', chain]);

describeOnKernel('over nf_tables', () => {
  const [chain, rules] = [[typeOf(NFT_MSG_GETCHAIN)], [typeOf(NFT_MSG_GETRULE)]];

  test('is asked for with one message where nothing drops', () => {
    using ns = createNetns();
    expect(questionsOf(ns)).toEqual([chain]);
  });

  test('is asked for with one message more where there are rules, none of which drops', () => {
    using ns = createNetns();
    iptables(ns, 'nft', '-A', 'FORWARD', '-i', 'docker0', '-j', 'DROP');
    expect(questionsOf(ns)).toEqual([chain, rules]);
  });

  test('is asked for with three messages where it is there', () => {
    using ns = droppingNetns('nft');
    ensure(ns);
    expect(questionsOf(ns)).toEqual([chain, rules, rules]);
  });

  test('is there once when another process puts it in first', () => {
    using ns = droppingNetns('nft');
    ensureTwice(ns, NFT_MSG_NEWCHAIN);
    expect(mine(ns, 'nft')).toBe(WHOLE);
  });

  test('is behind a rule that another process appends in between', () => {
    using ns = droppingNetns('nft');
    const append = () => void exec(ns, ['iptables-nft', '-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'DROP']);
    ensureSpied(ns, before(typeOf(NFT_MSG_NEWCHAIN), append));
    expect(placeOf(ns, 'nft')).toBe('FORWARD 2');
  });

  test.each([
    ['the rules', flushed(CHAIN)],
    ['the way to it', flushed('FORWARD')],
  ])('is made whole when %s was flushed, also by two at once', (_, flush) => {
    using ns = droppingNetns('nft');
    ensure(ns);
    flush(ns);
    ensureTwice(ns, NFT_MSG_NEWRULE);
    expect(mine(ns, 'nft')).toBe(WHOLE);
    expect(on(ns, (node) => forwardAcceptKind.verify(node, WANTED))).toBeUndefined();
  });

  test('that stands twice stands once again', () => {
    using ns = droppingNetns('nft');
    ensure(ns);
    exec(ns, ['nft', 'add', 'rule', 'ip', 'filter', 'FORWARD', 'jump', CHAIN]);
    ensure(ns);
    expect(mine(ns, 'nft')).toBe(WHOLE);
  });

  test('is taken out, however often it stands, and when it is not there', () => {
    using ns = droppingNetns('nft');
    const remove = () => on(ns, (node) => forwardAcceptKind.remove?.(node, WANTED));
    remove();
    ensure(ns);
    exec(ns, ['nft', 'add', 'rule', 'ip', 'filter', 'FORWARD', 'jump', CHAIN]);
    remove();
    expect(mine(ns, 'nft')).toBe(0);
  });
});

/** Rules of FORWARD, in their order, and what drops. */
const RULES: [string[], 'policy' | 'rule' | undefined][] = [
  [['-j REJECT'], 'rule'],
  [['-j DROP'], 'rule'],
  [['-m comment --comment "the last one" -j REJECT'], 'rule'],
  [['-i docker0 -j ACCEPT', '-m conntrack --ctstate ESTABLISHED -j ACCEPT', '-j LOG', '-j REJECT'], 'rule'],
  [['-j DROP', '-i docker0 -j ACCEPT'], 'rule'],
  [['-i docker0 -j DROP', '-p tcp -j REJECT', '! -i docker0 -j DROP', '-m mark --mark 1 -j DROP'], undefined],
  [['-j ACCEPT', '-j DROP'], undefined],
  [['-j MINE'], 'rule'],
  [['-i docker0 -j MINE'], undefined],
  [['-g MINE'], 'rule'],
  [['-j RETURN', '-j DROP'], undefined],
];

describe.each([...FLAVOURS])('what drops in FORWARD (%s)', (flavour) => {
  describeOnKernel('IPv4 and IPv6', () => {
    test.each(RULES)('%j: %s', (rules, expected) => {
      using ns = createNetns();
      const lines = ['*filter', ':FORWARD ACCEPT [0:0]', ':MINE - [0:0]', '-A MINE -j DROP'];
      const text = [...lines, ...rules.map((rule) => `-A FORWARD ${rule}`), 'COMMIT', ''].join('\n');
      for (const family of [4, 6] as const) {
        exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}-restore`], { stdin: text });
        const found = on(ns, (node) => DRIVERS[flavour].read(node, family, 'cni0'));
        expect(found?.path.drop?.by).toBe(expected as 'rule');
      }
    });

    test.each([
      ['before the rule', ['-A FORWARD -j REJECT', '-A FORWARD -j MINE'], 'FORWARD 1'],
      ['behind what has a condition', ['-A FORWARD -s 192.0.2.1 -j DROP', '-A FORWARD -j REJECT'], 'FORWARD 2'],
      ['in the chain that drops', ['-A FORWARD -j MINE', '-A MINE -s 192.0.2.1 -j DROP', '-A MINE -j DROP'], 'MINE 2'],
      ['before what leads back to the policy', ['-P FORWARD DROP', '-A FORWARD -j RETURN'], 'FORWARD 1'],
      ['at the end', ['-P FORWARD DROP', '-A FORWARD -j MINE', '-A MINE -j RETURN'], 'FORWARD 2'],
      [
        'at the end of a chain without return',
        ['-P FORWARD DROP', '-A FORWARD -g MINE', '-A MINE -p tcp -j DROP'],
        'MINE 2',
      ],
      [
        'in front of the jump to a chain that drops without a condition',
        ['-A FORWARD -s 192.0.2.1 -j DROP', '-A FORWARD -j MINE', '-A MINE -j LOG', '-A MINE -j REJECT'],
        'FORWARD 2',
      ],
      ['in front of a goto to such a chain', ['-P FORWARD DROP', '-A FORWARD -g MINE', '-A MINE -j LOG'], 'FORWARD 1'],
    ])('is accepted %s', (_, rules, place) => {
      using ns = createNetns();
      for (const rule of ['-N MINE', ...rules]) exec(ns, [`iptables-${flavour}`, ...rule.split(' ')]);
      ensure(ns);
      expect(placeOf(ns, flavour)).toBe(place);
    });

    test('a program that flushes its own chain, whose only rule drops everything, leaves it there', () => {
      using ns = droppingNetns(flavour);
      for (const family of [4, 6] as const) {
        for (const rule of ['-N MINE', '-A FORWARD -j MINE', '-A MINE -j REJECT'])
          exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}`, ...rule.split(' ')]);
      }
      const wanted: ForwardAcceptWanted = { ...WANTED, families: [4, 6] };
      ensure(ns, wanted);
      for (const program of ['iptables', 'ip6tables']) exec(ns, [`${program}-${flavour}`, '-F', 'MINE']);
      expect(on(ns, (node) => forwardAcceptKind.verify(node, wanted))).toBeUndefined();
    });

    test('what stands behind it by now is passed by, and a head start of old is taken back', () => {
      using ns = droppingNetns(flavour);
      const rules = ['-N TRESTLE-FWD-cni0', '-A TRESTLE-FWD-cni0 -i cni0 -j ACCEPT'];
      const more = [
        '-A TRESTLE-FWD-cni0 -o cni0 -j ACCEPT',
        '-A FORWARD -j TRESTLE-FWD-cni0',
        '-A FORWARD -s 192.0.2.1 -j DROP',
      ];
      for (const rule of [...rules, ...more]) exec(ns, [`iptables-${flavour}`, ...rule.split(' ')]);
      const settle = () => ensure(ns);
      const settled = () => [placeOf(ns, flavour), mine(ns, flavour)];
      settle();
      expect(settled()).toEqual(['FORWARD 2', WHOLE]);
      iptables(ns, flavour, '-A', 'FORWARD', '-p', 'tcp', '-j', 'REJECT');
      settle();
      expect(settled()).toEqual(['FORWARD 3', WHOLE]);
      iptables(ns, flavour, '-A', 'FORWARD', '-p', 'udp', '-j', 'DROP');
      iptables(ns, flavour, '-P', 'FORWARD', 'ACCEPT');
      settle();
      expect(settled()).toEqual([undefined, 0]);
    });
  });
});

/** Where the rule that leads to the accept stands: its chain, and its number there. */
function placeOf(ns: Netns, flavour: 'nft' | 'legacy'): string | undefined {
  const rules = savedRules(ns, flavour, 4, 'filter').filter((rule) => rule.startsWith('-A '));
  const found = rules.find((rule) => rule.endsWith(`-j ${CHAIN}`));
  const chain = found?.split(' ')[1];
  return found && `${chain} ${rules.filter((rule) => rule.split(' ')[1] === chain).indexOf(found) + 1}`;
}

describeOnKernel('of the older iptables', () => {
  const read = (ns: Netns, family: 4 | 6 = 4) => on(ns, (node) => legacyDriver.read(node, family, 'cni0'));

  test('a table that is not there is not made by looking', () => {
    using ns = createNetns();
    expect(read(ns)).toBeUndefined();
    expect(exec(ns, ['cat', '/proc/net/ip_tables_names'])).toBe('');
  });

  describe.each([4, 6] as const)('IPv%d', (family) => {
    test('its policy, its chains and the ways between them are read as they are', () => {
      using ns = createNetns();
      const seen = () => {
        const found = read(ns, family);
        const { drop } = found?.path ?? {};
        return [
          found && standingOf(found.path, 'cni0'),
          drop?.by,
          drop?.place.chain,
          found?.accepts().length,
          found?.ways,
        ];
      };
      const wanted = { ...WANTED, families: [family] };
      iptables(ns, 'legacy', '-P', 'FORWARD', 'ACCEPT');
      expect(seen()).toEqual(['not needed', undefined, undefined, 0, 0]);
      iptables(ns, 'legacy', '-P', 'FORWARD', 'DROP');
      iptables(ns, 'legacy', '-N', 'MINE');
      iptables(ns, 'legacy', '-A', 'FORWARD', '-p', 'tcp', '-m', 'comment', '--comment', 'x', '-j', 'MINE');
      iptables(ns, 'legacy', '-A', 'MINE', '-j', 'DROP');
      expect(seen()).toEqual(['missing', 'policy', 'FORWARD', 0, 0]);
      ensure(ns, wanted);
      expect(seen()).toEqual(['in place', 'policy', 'FORWARD', 3, 1]);
      exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-legacy`, '-F', family === 4 ? 'FORWARD' : CHAIN]);
      expect(on(ns, (node) => forwardAcceptKind.verify(node, wanted))?.kind).toBe('check');
      ensure(ns, wanted);
      const again = read(ns, family)?.accepts() ?? [];
      expect(seen()).toEqual(['in place', 'policy', 'FORWARD', 3, 1]);
      expect(sameAccepts(again, acceptsFor(AUTO, family))).toBe(true);
      expect(sameAccepts(again, acceptsFor({ ...AUTO, mode: 'open' }, family))).toBe(false);
      on(ns, (node) => forwardAcceptKind.remove?.(node, wanted));
      expect(seen().slice(3)).toEqual([0, 0]);
    });
  });

  test('a table with many rules is read too', () => {
    using ns = createNetns();
    const rules = Array.from({ length: 2000 }, (_, at) => `-A INPUT -s 10.0.${at >> 8}.${at & 255} -j ACCEPT\n`);
    exec(ns, ['iptables-legacy-restore'], { stdin: `*filter\n:FORWARD DROP [0:0]\n${rules.join('')}COMMIT\n` });
    expect(read(ns)?.path.drop).toEqual({ by: 'policy', place: { chain: 'FORWARD', before: undefined } });
  });
});
