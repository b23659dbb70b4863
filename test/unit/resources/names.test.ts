/** Names that follow from identifiers: DEL finds by them what an earlier version made, so they must never change. */

import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { hashHex } from '../../../src/address/hash.ts';
import { formatMac, isUnicastMac } from '../../../src/address/mac.ts';
import { attrComment, decodeComment } from '../../../src/netlink/nft/batch.ts';
import {
  type AttachmentKey,
  aliasOwner,
  BRIDGE_ALIAS,
  bridgeMac,
  COMMENT_MOST,
  containerMac,
  currentOwner,
  GATEWAY_ALIAS,
  hostVethAlias,
  hostVethMac,
  hostVethName,
  isInScope,
  isOfNetwork,
  isOwnedBy,
  isSameOwner,
  ownerText,
  vlanPortMac,
} from '../../../src/resources/names.ts';

const A: AttachmentKey = { network: 'pods', containerId: 'abc', ifName: 'eth0' };
const LONGEST: AttachmentKey = { network: 'n'.repeat(200), containerId: 'c'.repeat(200), ifName: 'ü'.repeat(7) };

const identifier = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}$/),
  fc.stringMatching(/^[a-z0-9][a-z0-9_.-]{180,199}$/),
);
const attachment: fc.Arbitrary<AttachmentKey> = fc.record({
  network: identifier,
  containerId: identifier,
  ifName: fc.stringMatching(/^[a-z0-9ü.#@"-]{1,7}$/),
  dataDir: fc.constantFrom(undefined, '/var/lib/cni/networks', '/run/cni', `/${'d'.repeat(300)}`),
});

/** What 0.1.0 wrote. */
function formerOwner({ network, containerId, ifName }: AttachmentKey): string {
  const text = `${network}/${containerId}/${ifName}`;
  return text.length <= 240 ? text : `${network}/#${hashHex('owner', containerId, ifName)}`;
}

test('names and MACs are the same in every version', () => {
  expect(hostVethName(A)).toBe('veth66ec9efb0bb');
  expect([hostVethMac(A), containerMac(A)].map(formatMac)).toEqual(['fe:e1:79:c7:f8:f2', '16:d9:4b:3c:7d:1c']);
  expect(formatMac(bridgeMac('cni0', '0123456789abcdef0123456789abcdef'))).toBe('6a:09:14:8c:ac:20');
  expect([ownerText(A), hostVethAlias(A)]).toEqual(['pods/abc/eth0', 'trestle:pods/abc/eth0']);
  expect(ownerText(LONGEST)).toBe(`${'n'.repeat(84)}#2d2f6bce3f06ba58/#fc569515b91b125f`);
  expect(ownerText({ ...A, dataDir: '/run/cni' })).toBe('pods@6a3ab67f/abc/eth0');
  expect(hostVethAlias({ ...A, dataDir: '/run/cni' })).toBe('trestle:pods@6a3ab67f/abc/eth0 /run/cni');
  expect(hostVethAlias({ ...A, pod: 'shop/web-0' })).toBe('trestle:pods/abc/eth0 shop/web-0');
  expect(hostVethAlias({ ...A, dataDir: '/run/cni', pod: 'shop/web-0' })).toBe(
    'trestle:pods@6a3ab67f/abc/eth0 shop/web-0 /run/cni',
  );
});

test('an alias keeps beginning and end of a long pod name', () => {
  const pod = `shop/${'w'.repeat(100)}-7d9f8b6c5-x2x4z`;
  const named = hostVethAlias({ ...A, pod }).split(' ')[1];
  expect(named).toBe(`shop/${'w'.repeat(50)}~${'w'.repeat(8)}-7d9f8b6c5-x2x4z`);
  expect(named).toHaveLength(80);
});

test('a host veth’s name is one that an interface may have, and has 15 characters', () => {
  fc.assert(fc.property(attachment, (key) => expect(hostVethName(key)).toMatch(/^veth[0-9a-f]{11}$/)));
  expect(hostVethName(LONGEST)).toMatch(/^veth[0-9a-f]{11}$/);
});

test('each part of an attachment counts, and stays apart from the next', () => {
  const others: AttachmentKey[] = [
    { ...A, network: 'pod', containerId: 'sabc' },
    { ...A, containerId: 'abce', ifName: 'th0' },
    { ...A, network: 'pods2' },
    { ...A, containerId: 'abd' },
    { ...A, ifName: 'eth1' },
  ];
  for (const of of [hostVethName, (key: AttachmentKey) => formatMac(hostVethMac(key)), ownerText]) {
    expect(new Set([A, ...others].map(of)).size).toBe(6);
  }
});

test('MACs are ones that interfaces may have, and the two ends’ differ', () => {
  fc.assert(
    fc.property(attachment, (key) => {
      expect([isUnicastMac(hostVethMac(key)), isUnicastMac(containerMac(key))]).toEqual([true, true]);
      expect(formatMac(hostVethMac(key))).not.toBe(formatMac(containerMac(key)));
    }),
  );
});

test('no port that we make has the lowest MAC of a bridge: each begins with the highest byte of a local unicast one', () => {
  fc.assert(
    fc.property(attachment, (key) => {
      expect(formatMac(hostVethMac(key))).toStartWith('fe:');
      expect(formatMac(vlanPortMac(key.ifName))).toStartWith('fe:');
    }),
  );
});

test('a bridge’s MAC follows from its name and the machine', () => {
  const macs = [bridgeMac('cni0', 'a'), bridgeMac('cni1', 'a'), bridgeMac('cni0', 'b')].map(formatMac);
  expect(new Set(macs).size).toBe(3);
  expect(formatMac(bridgeMac('cni0', 'a'))).toBe(macs[0] as string);
});

test.skipIf(!existsSync('/etc/machine-id'))('the machine is known by its ID', () => {
  const id = readFileSync('/etc/machine-id', 'utf8').trim();
  expect(formatMac(bridgeMac('cni0'))).toBe(formatMac(bridgeMac('cni0', id)));
});

describe('an owner', () => {
  test('is read from an alias as it was written, and fits one', () => {
    fc.assert(
      fc.property(attachment, (key) => {
        expect(aliasOwner(hostVethAlias(key))).toBe(ownerText(key));
        expect(Buffer.byteLength(hostVethAlias(key))).toBeLessThanOrEqual(255);
      }),
    );
    expect(aliasOwner(hostVethAlias(LONGEST))).toBe(ownerText(LONGEST));
    expect(Buffer.byteLength(hostVethAlias(LONGEST))).toBeLessThanOrEqual(255);
  });

  test('is read from an alias that names a pod, whatever the runtime calls it', () => {
    fc.assert(
      fc.property(attachment, fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (key, pod) => {
        const alias = hostVethAlias({ ...key, pod });
        expect(aliasOwner(alias)).toBe(ownerText(key));
        expect(Buffer.byteLength(alias)).toBeLessThanOrEqual(255);
        expect(alias).not.toMatch(/\p{Cc}/u);
      }),
    );
    const alias = hostVethAlias({ ...LONGEST, pod: `default/${'p'.repeat(253)}` });
    expect([aliasOwner(alias), Buffer.byteLength(alias) <= 255]).toEqual([ownerText(LONGEST), true]);
  });

  test('is read from a comment as it was written', () => {
    const written = (key: AttachmentKey) => attrComment(6, 0, ownerText(key)).value as Uint8Array;
    fc.assert(fc.property(attachment, (key) => expect(decodeComment(written(key), 0)).toBe(ownerText(key))));
    expect(decodeComment(written(LONGEST), 0)).toBe(ownerText(LONGEST));
  });

  test('differs from attachment to attachment, however long they are', () => {
    const others = [
      { ifName: 'ü'.repeat(6) },
      { containerId: `${'c'.repeat(199)}d` },
      { network: `${'n'.repeat(199)}m` },
    ];
    const all = [LONGEST, ...others.map((change) => ({ ...LONGEST, ...change }))];
    expect(new Set(all.map(ownerText)).size).toBe(4);
  });

  test('fits the comment of a set element, in bytes, and is one that nft can write', () => {
    const fits = (key: AttachmentKey) => {
      expect(Buffer.byteLength(ownerText(key))).toBeLessThanOrEqual(COMMENT_MOST);
      expect(ownerText(key)).not.toContain('"');
    };
    fc.assert(fc.property(attachment, fits));
    fits({ ...LONGEST, dataDir: '/elsewhere' });
    const atTheEdge = { ...A, containerId: 'c'.repeat(COMMENT_MOST - 'pods//ü'.length) };
    expect(ownerText({ ...atTheEdge, ifName: 'u' })).not.toContain('#');
    expect(ownerText({ ...atTheEdge, ifName: 'ü' })).toContain('#');
  });

  test('belongs to its network and data directory, not to one whose name begins alike', () => {
    const belongs = (key: AttachmentKey) => {
      const owner = ownerText(key);
      expect([isOwnedBy(key.network, owner, key.dataDir), isOfNetwork(key.network, owner)]).toEqual([true, true]);
      expect(isOwnedBy(key.network, owner, '/another/directory')).toBe(false);
      expect([isOwnedBy(`${key.network}2`, owner, key.dataDir), isOfNetwork(`${key.network}2`, owner)]).toEqual([
        false,
        false,
      ]);
    };
    fc.assert(fc.property(attachment, belongs));
    belongs(LONGEST);
    expect([
      isOwnedBy('pod', 'pods/abc/eth0'),
      isOwnedBy('pods2', 'pods/abc/eth0'),
      isOwnedBy('pods', 'pods@0123abcd/abc/eth0'),
      isOwnedBy('pods', undefined),
      isOfNetwork('pods', undefined),
      isOfNetwork('pods', 'anchor'),
    ]).toEqual(Array.from({ length: 6 }, () => false));
  });

  test('names a data directory however that is written', () => {
    const owners = ['/run/cni', '/run//cni', '/run/cni/'].map((dataDir) => ownerText({ ...A, dataDir }));
    expect(new Set(owners).size).toBe(1);
    expect(ownerText({ ...A, dataDir: '/var/lib/cni//networks/' })).toBe(ownerText(A));
  });

  test('as 0.1.0 wrote it is read as it is written today', () => {
    const same = (key: AttachmentKey) => {
      const today = ownerText({ ...key, dataDir: undefined });
      expect(currentOwner(formerOwner(key))).toBe(today);
      expect(aliasOwner(`trestle:${formerOwner(key)}`)).toBe(today);
      expect(isOwnedBy(key.network, formerOwner(key))).toBe(true);
      expect(currentOwner(ownerText(key))).toBe(ownerText(key));
    };
    fc.assert(fc.property(attachment, same));
    for (const network of [1, 84, 100, 101, 102, 110, 111, 127, 200].map((length) => 'n'.repeat(length)))
      for (const containerId of ['c', 'c'.repeat(64), 'c'.repeat(200)])
        for (const dataDir of [undefined, '/run/cni']) same({ network, containerId, ifName: 'eth0', dataDir });
  });

  test('as 0.1.0 wrote it is in a scope of another directory if that names the attachment', () => {
    const { network, containerId, ifName } = A;
    const scope = { network, dataDir: '/run/cni' };
    expect(isInScope({ ...scope, containerId, ifName }, formerOwner(A))).toBe(true);
    expect([
      isInScope(scope, formerOwner(A)),
      isInScope({ ...scope, containerId: `${containerId}x`, ifName }, formerOwner(A)),
      isInScope({ ...scope, containerId, ifName }, ownerText({ ...A, dataDir: '/run/other' })),
      isInScope({ network, dataDir: '/var/lib/cni/networks', containerId, ifName }, ownerText({ ...A, ...scope })),
    ]).toEqual([false, false, false, false]);
    expect(isInScope(scope, ownerText({ ...A, ...scope }))).toBe(true);
  });

  test('as 0.1.0 wrote it is the attachment itself, whatever the directory, and no other', () => {
    const same = (key: AttachmentKey) => {
      expect(isSameOwner(formerOwner(key), ownerText(key))).toBe(true);
      expect(isSameOwner(ownerText(key), ownerText(key))).toBe(true);
      expect(isSameOwner(formerOwner({ ...key, containerId: `${key.containerId}x` }), ownerText(key))).toBe(false);
    };
    fc.assert(fc.property(attachment, same));
    const [here, there] = [ownerText({ ...A, dataDir: '/a' }), ownerText({ ...A, dataDir: '/b' })];
    expect([isSameOwner(here, there), isSameOwner(here, ownerText(A)), isSameOwner('anchor', ownerText(A))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test.each(['', 'x', 'pods/abc/eth0', 'TRESTLE:pods/abc/eth0', BRIDGE_ALIAS, GATEWAY_ALIAS, undefined])(
    'is not in the alias %p',
    (alias) => {
      expect(aliasOwner(alias)).toBeUndefined();
    },
  );
});
