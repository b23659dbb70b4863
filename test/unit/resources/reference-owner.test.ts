import { describe, expect, test } from 'bun:test';
import { isReferenceOwner, referenceOwner } from '../../../src/resources/masquerade/reference-owner.ts';
import { straysBeside, straysOf } from '../../../src/resources/masquerade/strays.ts';

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

describe('what is stray', () => {
  test.each([
    [OLD, true],
    [NEW, true],
    [`pods/${ID}/eth0`, true],
    [`pods/${ID}/net1`, false],
    [NEW.replace('eth0', 'net1'), false],
    ['', false],
  ])('for one attachment: %s: %p', (comment, expected) => {
    expect(straysOf(KEY).isStray(comment)).toBe(expected);
  });

  test.each([
    [OLD, false],
    [NEW, false],
    [`pods/${ID}/eth0`, false],
    [`pods/${ID}/net1`, true],
    [NEW.replace('eth0', 'net1'), true],
    [OLD.replace(ID, 'gone'), true],
    [OLD.replace('pods', 'other').replace(ID, 'gone'), false],
    ['other/gone/eth0', false],
    ['trestle pods', false],
  ])('beside a valid one: %s: %p', (comment, expected) => {
    expect(straysBeside('pods', [KEY]).isStray(comment)).toBe(expected);
  });
});
