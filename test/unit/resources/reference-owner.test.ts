import { describe, expect, test } from 'bun:test';
import { commentOwner, isReferenceOwner, referenceOwner } from '../../../src/resources/masquerade/strays.ts';

const ID = 'f'.repeat(64);
const HASH = '0123456789abcdef-0123456789abcdef';
const OLD = `name: "pods" id: "${ID}"`;
const NEW = `${HASH}, net: pods, if: eth0, id: ${ID}`;
const KEY = { network: 'pods', containerId: ID, ifName: 'eth0' };

describe('whose a rule of the reference is', () => {
  test.each([
    [OLD, { network: 'pods', containerId: ID, ifName: undefined, isCut: false }],
    [NEW, { ...KEY, isCut: false }],
    [`${HASH}, net: ${'n'.repeat(40)}, if: eth0, id: ${ID}`.slice(0, 128), { ifName: 'eth0', isCut: true }],
  ])('is said by its comment: %s', (comment, owner) => {
    expect(referenceOwner(comment)).toMatchObject(owner);
  });

  test.each([
    '',
    'pods/abc/eth0',
    'name: "pods"',
    `${HASH}, net: pods, if: eth0`,
    `${OLD} and more`,
    // So long a network's name leaves too little of the ID.
    `${HASH}, net: ${'n'.repeat(60)}, if: eth0, id: ${ID}`.slice(0, 128),
  ])('is not said by %j', (comment) => {
    expect(referenceOwner(comment)).toBeUndefined();
  });

  test.each([
    [OLD, KEY, true],
    [OLD, { ...KEY, ifName: 'net1' }, true],
    [OLD, { ...KEY, containerId: 'f'.repeat(63) }, false],
    [NEW, KEY, true],
    [NEW, { ...KEY, ifName: 'net1' }, false],
    [NEW, { ...KEY, network: 'pod' }, false],
    [`${HASH}, net: pods, if: ${'i'.repeat(15)}, id: ${ID}`, { ...KEY, ifName: 'i'.repeat(15) }, true],
  ])('%s is %j’s: %p', (comment, key, expected) => {
    const owner = referenceOwner(comment);
    expect(owner !== undefined && isReferenceOwner(owner, key)).toBe(expected);
  });
});

describe('an attachment of a network is told by the comment', () => {
  const scope = { network: 'pods', dataDir: '/var/lib/cni/networks' };

  test.each([
    [OLD, true],
    [NEW, true],
    [`pods/${ID}/eth0`, true],
    [`pods/${ID}/net1`, false],
    [NEW.replace('eth0', 'net1'), false],
    [OLD.replace(ID, 'gone'), false],
  ])('%s: %p', (comment, expected) => {
    expect(commentOwner(scope, comment)?.(KEY)).toBe(expected);
  });

  test.each([OLD.replace('pods', 'other'), NEW.replace('pods', 'other'), 'other/gone/eth0', 'trestle pods', ''])(
    'that is of no attachment of the network: %j',
    (comment) => {
      expect(commentOwner(scope, comment)).toBeUndefined();
    },
  );
});
