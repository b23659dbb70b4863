/** The accept for what a bridge forwards, while others change iptables at the same moment. */

import { describe, expect, test } from 'bun:test';
import { type Connection, closeConnection, connect } from '../../../src/netlink/connection.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETRULE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
} from '../../../src/netlink/nft/constants.ts';
import { openSocket } from '../../../src/netlink/socket.ts';
import {
  ensureLegacyAccept,
  hasLegacyAccepts,
  isLegacyDone,
  readLegacyForward,
  removeLegacyAccept,
} from '../../../src/resources/forward-accept/legacy.ts';
import {
  ensureNftAccept,
  hasNftAccepts,
  readNftForward,
  removeNftAccept,
} from '../../../src/resources/forward-accept/nftables.ts';
import { iptables, savedRules } from '../../support/iptables.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { inside, withNft } from '../support/inside.ts';
import { before, spyOn } from '../support/spy.ts';

const CHAIN = 'TRESTLE-FWD-cni0';
const PROGRAMS = { searchPath: SYSTEM_PATH };
const typeOf = (message: number) => (NFNL_SUBSYS_NFTABLES << 8) | message;

function droppingNetns(flavour: 'nft' | 'legacy'): Netns {
  const ns = createNetns();
  iptables(ns, flavour, '-P', 'FORWARD', 'DROP');
  return ns;
}

const mine = (ns: Netns, flavour: 'nft' | 'legacy') =>
  savedRules(ns, flavour, 4, 'filter').filter((rule) => rule.includes(CHAIN)).length;
/** The chain, the way to it, its three rules. */
const WHOLE = 5;

function ensure(ns: Netns): void {
  withNft(ns, (nft) => ensureNftAccept(nft, 4, 'cni0', 'auto'));
}

/** The same, while another process does it just before the first message of that type is sent. */
function ensureTwice(ns: Netns, message: number): void {
  withNft(ns, (nft) => {
    const other = connect(openSocket('netfilter'));
    try {
      const look = before(typeOf(message), () => ensureNftAccept(other, 4, 'cni0', 'auto'));
      ensureNftAccept(spyOn(nft, look), 4, 'cni0', 'auto');
    } finally {
      closeConnection(other);
    }
  });
}

const flushed = (chain: string) => (ns: Netns) => void exec(ns, ['nft', 'flush', 'chain', 'ip', 'filter', chain]);

describeOnKernel('over nf_tables', () => {
  test('is asked for with one message where nothing drops', () => {
    using ns = createNetns();
    withNft(ns, (nft) => {
      const seen: number[][] = [];
      const spied = spyOn(nft, (_, types) => void seen.push([...types]));
      ensureNftAccept(spied, 4, 'cni0', 'auto');
      expect(seen).toEqual([[typeOf(NFT_MSG_GETCHAIN)]]);
    });
  });

  test('is asked for with one message more where there are rules, none of which drops', () => {
    using ns = createNetns();
    iptables(ns, 'nft', '-A', 'FORWARD', '-i', 'docker0', '-j', 'DROP');
    withNft(ns, (nft) => {
      const seen: number[][] = [];
      const spied = spyOn(nft, (_, types) => void seen.push([...types]));
      ensureNftAccept(spied, 4, 'cni0', 'auto');
      expect(seen).toEqual([[typeOf(NFT_MSG_GETCHAIN)], [typeOf(NFT_MSG_GETRULE)]]);
    });
  });

  test('is asked for with three messages where it is there', () => {
    using ns = droppingNetns('nft');
    ensure(ns);
    withNft(ns, (nft) => {
      const seen: number[][] = [];
      const spied = spyOn(nft, (_, types) => void seen.push([...types]));
      ensureNftAccept(spied, 4, 'cni0', 'auto');
      const [chain, rules] = [[typeOf(NFT_MSG_GETCHAIN)], [typeOf(NFT_MSG_GETRULE)]];
      expect(seen).toEqual([chain, rules, rules]);
    });
  });

  test('is there once when another process puts it in first', () => {
    using ns = droppingNetns('nft');
    ensureTwice(ns, NFT_MSG_NEWCHAIN);
    expect(mine(ns, 'nft')).toBe(WHOLE);
  });

  test('is behind a rule that another process appends in between', () => {
    using ns = droppingNetns('nft');
    withNft(ns, (nft) => {
      const append = before(typeOf(NFT_MSG_NEWCHAIN), () => {
        exec(ns, ['iptables-nft', '-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'DROP']);
      });
      ensureNftAccept(spyOn(nft, append), 4, 'cni0', 'auto');
    });
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
    expect(withNft(ns, (nft) => readNftForward(nft, 4, 'cni0')?.standing)).toBe('in place');
    expect(withNft(ns, (nft) => hasNftAccepts(nft, 4, 'cni0', 'auto'))).toBe(true);
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
    const remove = (nft: Connection) => removeNftAccept(nft, 4, 'cni0');
    withNft(ns, remove);
    ensure(ns);
    exec(ns, ['nft', 'add', 'rule', 'ip', 'filter', 'FORWARD', 'jump', CHAIN]);
    withNft(ns, remove);
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

describe.each(['nft', 'legacy'] as const)('what drops in FORWARD (%s)', (flavour) => {
  describeOnKernel('IPv4 and IPv6', () => {
    test.each(RULES)('%j: %s', (rules, expected) => {
      using ns = createNetns();
      const lines = ['*filter', ':FORWARD ACCEPT [0:0]', ':MINE - [0:0]', '-A MINE -j DROP'];
      const text = [...lines, ...rules.map((rule) => `-A FORWARD ${rule}`), 'COMMIT', ''].join('\n');
      for (const family of [4, 6] as const) {
        exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}-restore`], { stdin: text });
        const found =
          flavour === 'nft'
            ? withNft(ns, (nft) => readNftForward(nft, family, 'cni0'))
            : inside(ns, () => readLegacyForward(family, 'cni0'));
        expect(found?.path.drop?.by).toBe(expected as 'rule');
      }
    });

    test.each([
      ['before the rule', ['-A FORWARD -j REJECT', '-A FORWARD -j MINE'], 'FORWARD 1'],
      ['behind what has a condition', ['-A FORWARD -s 192.0.2.1 -j DROP', '-A FORWARD -j REJECT'], 'FORWARD 2'],
      ['in the chain that drops', ['-A FORWARD -j MINE', '-A MINE -s 192.0.2.1 -j DROP', '-A MINE -j DROP'], 'MINE 2'],
      ['before what leads back to the policy', ['-P FORWARD DROP', '-A FORWARD -j RETURN'], 'FORWARD 1'],
      ['at the end', ['-P FORWARD DROP', '-A FORWARD -j MINE', '-A MINE -j RETURN'], 'FORWARD 2'],
      ['at the end of a chain without return', ['-P FORWARD DROP', '-A FORWARD -g MINE', '-A MINE -j LOG'], 'MINE 2'],
    ])('is accepted %s', (_, rules, place) => {
      using ns = createNetns();
      for (const rule of ['-N MINE', ...rules]) exec(ns, [`iptables-${flavour}`, ...rule.split(' ')]);
      if (flavour === 'nft') ensure(ns);
      else inside(ns, () => ensureLegacyAccept(PROGRAMS, 4, 'cni0', 'auto'));
      expect(placeOf(ns, flavour)).toBe(place);
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
      const settle = () =>
        flavour === 'nft' ? ensure(ns) : inside(ns, () => ensureLegacyAccept(PROGRAMS, 4, 'cni0', 'auto'));
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
  const read = (ns: Netns, family: 4 | 6 = 4) => inside(ns, () => readLegacyForward(family, 'cni0'));
  const ensureIn = (ns: Netns, family: 4 | 6 = 4) =>
    inside(ns, () => ensureLegacyAccept(PROGRAMS, family, 'cni0', 'auto'));

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
          found?.standing,
          drop?.by,
          drop?.place.chain,
          found?.own?.length,
          found?.ways.map(({ chain }) => chain),
        ];
      };
      iptables(ns, 'legacy', '-P', 'FORWARD', 'ACCEPT');
      expect(seen()).toEqual(['not needed', undefined, undefined, undefined, []]);
      iptables(ns, 'legacy', '-P', 'FORWARD', 'DROP');
      iptables(ns, 'legacy', '-N', 'MINE');
      iptables(ns, 'legacy', '-A', 'FORWARD', '-p', 'tcp', '-m', 'comment', '--comment', 'x', '-j', 'MINE');
      iptables(ns, 'legacy', '-A', 'MINE', '-j', 'DROP');
      expect(seen()).toEqual(['missing', 'policy', 'FORWARD', undefined, []]);
      ensureIn(ns, family);
      const whole = ['in place', 'policy', 'FORWARD', 3, ['FORWARD']];
      expect(seen()).toEqual(whole);
      exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-legacy`, '-F', family === 4 ? 'FORWARD' : CHAIN]);
      const left = read(ns, family);
      expect(left && isLegacyDone(left, 'cni0', 'auto')).toBe(false);
      ensureIn(ns, family);
      const again = read(ns, family);
      expect(again && [again.standing, hasLegacyAccepts(again, 'cni0', 'auto')]).toEqual(['in place', true]);
      expect(again && hasLegacyAccepts(again, 'cni0', 'open')).toBe(false);
      inside(ns, () => removeLegacyAccept(PROGRAMS, family, 'cni0'));
      expect(seen().slice(3)).toEqual([undefined, []]);
    });
  });

  test('a table with many rules is read too', () => {
    using ns = createNetns();
    const rules = Array.from({ length: 2000 }, (_, at) => `-A INPUT -s 10.0.${at >> 8}.${at & 255} -j ACCEPT\n`);
    exec(ns, ['iptables-legacy-restore'], { stdin: `*filter\n:FORWARD DROP [0:0]\n${rules.join('')}COMMIT\n` });
    expect(read(ns)?.path.drop).toEqual({ by: 'policy', place: { chain: 'FORWARD', before: undefined } });
  });
});
