/** Names that differ from run to run, replaced by what they are the names of. */

import type { JsonObject } from './json.ts';

export interface Names {
  /** `word` is called `meaning` from now on, unless it has a meaning already. */
  learn(word: string | undefined, meaning: string): void;
  /** The names of veths, and the MACs of all links, as `ip -json` has them, with the addresses that are made of those. */
  learnLinks(links: readonly JsonObject[], where: string): void;
  /** A copy of `value` that has the meanings in place of the words. */
  neutral<T>(value: T): T;
}

/** A host veth's name, of either side; it may be that the result has none. */
const RANDOM = /^veth[0-9a-f]{8,}$/;

/** `given`: words of the configuration, which have to come out as they went in. */
export function createNames(given: string): Names {
  const meanings = new Map<string, string>();
  const learn = (word: string | undefined, meaning: string) => {
    if (word && !meanings.has(word) && !given.includes(word)) meanings.set(word, unused(meaning));
  };
  /** What has another MAC than before is told apart. */
  const unused = (meaning: string): string =>
    [...meanings.values()].includes(meaning) ? unused(meaning.replace('>', ', anew>')) : meaning;
  const learnMac = ({ address, ifname }: JsonObject, where: string) => {
    const mac = String(address);
    if (/^(00:){5}00$/.test(mac)) return;
    const name = meanings.get(String(ifname)) ?? ifname;
    learn(mac, `<MAC of ${name} in ${where}>`);
    learn(linkLocal(mac), `<link-local of ${name} in ${where}>`);
  };
  return {
    learn,
    // Ports first: a bridge that has taken the MAC of one has none of its own.
    learnLinks: (links, where) => {
      for (const [at, link] of links.filter(({ ifname }) => RANDOM.test(String(ifname))).entries()) {
        // Its other end is a link of the same namespace: a VLAN's gateway.
        const meaning = link.link_netnsid === undefined ? `<port of ${link.link}>` : `<veth ${at}>`;
        learn(String(link.ifname), meaning);
      }
      for (const port of links.filter(({ master }) => master !== undefined)) learnMac(port, where);
      for (const other of links.filter(({ master }) => master === undefined)) learnMac(other, where);
    },
    neutral: (value) => {
      const original = JSON.stringify(value);
      return JSON.parse([...meanings].reduce((text, [word, meaning]) => text.replaceAll(word, meaning), original));
    },
  };
}

/** fe80::/64 with the interface identifier that is made of the MAC (RFC 4291, appendix A), as `ip` prints it. */
function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${words.map((word) => word.toString(16)).join(':')}`;
}
