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
  isAcceptedInLegacy,
  readLegacyForward,
  removeLegacyAccept,
} from '../../../src/network/forward-legacy.ts';
import { dropInNft, ensureNftAccept, isAcceptedInNft, removeNftAccept } from '../../../src/network/forward-nft.ts';
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
/** The chain, the way to it, its two rules. */
const WHOLE = 4;

function ensure(ns: Netns): void {
  withNft(ns, (nft) => ensureNftAccept(nft, 4, 'cni0'));
}

/** The same, while another process does it just before the first message of that type is sent. */
function ensureTwice(ns: Netns, message: number): void {
  withNft(ns, (nft) => {
    const other = connect(openSocket('netfilter'));
    try {
      const look = before(typeOf(message), () => ensureNftAccept(other, 4, 'cni0'));
      ensureNftAccept(spyOn(nft, look), 4, 'cni0');
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
      expect(dropInNft(spied, 4)).toBeUndefined();
      expect(seen).toEqual([[typeOf(NFT_MSG_GETCHAIN)]]);
    });
  });

  test('is asked for with one message more where there are rules, none of which drops', () => {
    using ns = createNetns();
    iptables(ns, 'nft', '-A', 'FORWARD', '-i', 'docker0', '-j', 'DROP');
    withNft(ns, (nft) => {
      const seen: number[][] = [];
      const spied = spyOn(nft, (_, types) => void seen.push([...types]));
      expect(dropInNft(spied, 4)).toBeUndefined();
      expect(seen).toEqual([[typeOf(NFT_MSG_GETCHAIN)], [typeOf(NFT_MSG_GETRULE)]]);
    });
  });

  test('is asked for with one message more where it is there', () => {
    using ns = droppingNetns('nft');
    ensure(ns);
    withNft(ns, (nft) => {
      const seen: number[][] = [];
      const spied = spyOn(nft, (_, types) => void seen.push([...types]));
      expect(dropInNft(spied, 4)).toBe('policy');
      ensureNftAccept(spied, 4, 'cni0');
      expect(seen).toEqual([[typeOf(NFT_MSG_GETCHAIN)], [typeOf(NFT_MSG_GETCHAIN)]]);
    });
  });

  test('is there once when another process puts it in first', () => {
    using ns = droppingNetns('nft');
    ensureTwice(ns, NFT_MSG_NEWCHAIN);
    expect(mine(ns, 'nft')).toBe(WHOLE);
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
    expect(withNft(ns, (nft) => isAcceptedInNft(nft, 4, 'cni0'))).toBe(true);
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
  [['-j MINE'], undefined],
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
            ? withNft(ns, (nft) => dropInNft(nft, family))
            : inside(ns, () => readLegacyForward(family, 'cni0'))?.drop;
        expect(found).toBe(expected);
      }
    });

    test('is overcome before it: DOCKER-USER is no place for it where FORWARD drops before it leads there', () => {
      using ns = createNetns();
      for (const [place, rules] of [
        ['FORWARD', ['-A FORWARD -j REJECT', '-A FORWARD -j DOCKER-USER']],
        ['DOCKER-USER', ['-A FORWARD -j DOCKER-USER', '-A FORWARD -j REJECT']],
      ] as const) {
        const text = ['*filter', ':FORWARD ACCEPT [0:0]', ':DOCKER-USER - [0:0]', ...rules, 'COMMIT', ''].join('\n');
        exec(ns, [`iptables-${flavour}-restore`], { stdin: text });
        if (flavour === 'nft') ensure(ns);
        else inside(ns, () => ensureLegacyAccept(PROGRAMS, 4, 'cni0'));
        const first = savedRules(ns, flavour, 4, 'filter').find((rule) => rule.startsWith(`-A ${place} `));
        expect(first).toMatch(new RegExp(`^-A ${place} (-m comment .*)?-j ${CHAIN}$`));
      }
    });
  });
});

describeOnKernel('of the older iptables', () => {
  const read = (ns: Netns, family: 4 | 6 = 4) => inside(ns, () => readLegacyForward(family, 'cni0'));
  const ensureIn = (ns: Netns, family: 4 | 6 = 4) => inside(ns, () => ensureLegacyAccept(PROGRAMS, family, 'cni0'));

  test('a table that is not there is not made by looking', () => {
    using ns = createNetns();
    expect(read(ns)).toBeUndefined();
    expect(exec(ns, ['cat', '/proc/net/ip_tables_names'])).toBe('');
  });

  describe.each([4, 6] as const)('IPv%d', (family) => {
    test('its policy, its chains and the ways between them are read as they are', () => {
      using ns = createNetns();
      iptables(ns, 'legacy', '-P', 'FORWARD', 'ACCEPT');
      expect(read(ns, family)).toEqual({ drop: undefined, place: 'FORWARD', rules: undefined, jumps: [] });
      iptables(ns, 'legacy', '-P', 'FORWARD', 'DROP');
      iptables(ns, 'legacy', '-N', 'DOCKER-USER');
      expect(read(ns, family)).toMatchObject({ drop: 'policy', place: 'FORWARD' });
      iptables(ns, 'legacy', '-A', 'FORWARD', '-p', 'tcp', '-m', 'comment', '--comment', 'x', '-j', 'DOCKER-USER');
      expect(read(ns, family)).toMatchObject({ drop: 'policy', place: 'DOCKER-USER' });
      ensureIn(ns, family);
      const whole = { drop: 'policy' as const, place: 'DOCKER-USER', rules: 2, jumps: ['DOCKER-USER'] };
      expect(read(ns, family)).toEqual(whole);
      exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-legacy`, '-F', family === 4 ? 'DOCKER-USER' : CHAIN]);
      const left = read(ns, family);
      expect(left && isAcceptedInLegacy(left)).toBe(false);
      ensureIn(ns, family);
      expect(read(ns, family)).toEqual(whole);
      inside(ns, () => removeLegacyAccept(PROGRAMS, family, 'cni0'));
      expect(read(ns, family)).toMatchObject({ rules: undefined, jumps: [] });
    });
  });

  test('a table with many rules is read too', () => {
    using ns = createNetns();
    const rules = Array.from({ length: 2000 }, (_, at) => `-A INPUT -s 10.0.${at >> 8}.${at & 255} -j ACCEPT\n`);
    exec(ns, ['iptables-legacy-restore'], { stdin: `*filter\n:FORWARD DROP [0:0]\n${rules.join('')}COMMIT\n` });
    expect(read(ns)).toMatchObject({ drop: 'policy', place: 'FORWARD' });
  });
});
