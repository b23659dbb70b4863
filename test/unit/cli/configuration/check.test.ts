/** What is wrong with a configuration: all of it, each at its place. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { checkConfiguration, mended } from '../../../../src/cli/configuration/check.ts';
import { conflistText } from '../../../../src/cli/configuration/conflist.ts';
import { faultOf } from '../../../support/fault.ts';

const list = (plugin: object, head: object = {}) =>
  JSON.stringify({ cniVersion: '1.0.0', name: 'pods', ...head, plugins: [{ type: 'trestle', ...plugin }] }, null, 1);
const own = (extra: object) => ({ ipam: { type: 'trestle-ipam', ...extra } });
const subnet = { subnet: '10.1.0.0/24' };
const whatOf = (text: string) => checkConfiguration(text).complaints.map(({ what }) => what);

test('a good one has no complaint', () => {
  expect(checkConfiguration(list(own(subnet)))).toEqual({ network: 'pods', types: ['trestle'], complaints: [] });
});

describe('one flaw gives one complaint', () => {
  test.each([
    ['', 'it is empty'],
    ['{"a": 1,}', 'it is not JSON: expected a key in quotation marks, found "}"'],
    ['[]', 'expected an object, found a list'],
    [list({}, { name: undefined }), 'name is missing'],
    [list({}, { name: 'a b' }), '"name" is malformed: the string "a b"'],
    [list({}, { cniVersion: '2.0.0' }), 'cniVersion "2.0.0" is not supported'],
    [list({}, { cniVersion: 1 }), 'cniVersion: expected a string, found 1'],
    [list({}, { cniVersion: undefined }), 'cniVersion is missing, which means 0.1.0'],
    [JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [] }), 'plugins is empty'],
    [list({}).replace('"type": "trestle"', '"mtu": 1500'), 'type is missing'],
    [list({ type: 'trestel' }), 'type: no plugin of the name "trestel" is known; is "trestle" meant?'],
    [list({ type: 'unheard' }), 'type: no plugin of the name "unheard" is known'],
    [list({ mtu: '9000' }), 'mtu: expected a number, found the string "9000"'],
    [list({ isgateway: true }), 'the key "isgateway" is taken for "isGateway"'],
    [list({ hairpinMod: true }), 'the key "hairpinMod" is not known and has no effect; is "hairpinMode" meant?'],
    [list({ colour: 'red' }), 'the key "colour" is not known and has no effect'],
    [list({ forward: 'opne' }), 'forward: the string "opne" is not known'],
    [list({ forceAddress: true }), 'the key "forceAddress" has no effect where the bridge is no gateway'],
    [list({ hairpinMode: true, promiscMode: true }), 'hairpinMode and promiscMode exclude each other'],
    [list({ bridge: 'x'.repeat(16) }), 'the configuration\'s "bridge" is malformed'],
    [list({ vlanTrunk: [{ minID: 5 }] }), 'vlanTrunk[0]: minID is there, and maxID is missing'],
    [list({ capabilities: { portMappings: true } }), 'the capability "portMappings" has no effect here'],
    [list(own({})), 'ipam has neither subnet nor ranges'],
    [list(own({ subnet: '10.1.0.7/24' })), 'ipam.subnet 10.1.0.7/24 has host bits set'],
    [list(own({ ...subnet, gatway: '10.1.0.1' })), 'the key "ipam.gatway" is not known'],
    [list(own({ ranges: [[subnet], [subnet]] })), 'ipam.ranges[0][0] (10.1.0.1-10.1.0.254) overlaps'],
    [list({ ipam: { type: 'host-locl', ...subnet } }), 'ipam.type: no plugin of the name "host-locl" is known'],
  ])('%j', (text, what) => {
    const complaints = whatOf(text);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toStartWith(what);
  });
});

test('all flaws are named at once, in the order of the text, with line and column', () => {
  const text = list({ mtu: 'x', vlan: 5000, hairpinMod: true, forward: 'no', ...own({ subnet: '10.1.0.1/24', x: 1 }) });
  const found = checkConfiguration(text).complaints.map(({ line, column, what }) => [
    line,
    column,
    what.split(/[: ]/)[0],
  ]);
  expect(found).toEqual([
    [7, 4, 'mtu'],
    [8, 4, 'vlan'],
    [9, 4, 'the'],
    [10, 4, 'forward'],
    [13, 5, 'ipam.subnet'],
    [14, 5, 'the'],
  ]);
});

test('more complaints than a plugin names in its one error are all there', () => {
  const keys = [
    'isGateway',
    'isDefaultGateway',
    'forceAddress',
    'ipMasq',
    'hairpinMode',
    'promiscMode',
    'portIsolation',
  ];
  expect(whatOf(list(Object.fromEntries(keys.map((key) => [key, 'yes']))))).toHaveLength(keys.length);
});

test('another plugin, and the addresses that another plugin gives, are not ours to judge', () => {
  expect(whatOf(list({ type: 'portmap', capabilities: { portMappings: true }, snat: 'x' }))).toEqual([]);
  expect(whatOf(list({ ipam: { type: 'static', addresses: [{ address: 'x' }] } }))).toEqual([]);
  expect(whatOf(list({ type: 'macvlan', ipam: { type: 'host-local', subnet: '10.1.0.1/24' } }))).toHaveLength(1);
});

test('a list in a file for one plugin is named as such', () => {
  const { complaints } = checkConfiguration(list({}), { isList: false });
  expect(complaints.map(({ what }) => what)).toEqual([expect.stringContaining('.conflist')]);
});

test('a key that stands twice is named where it has no effect', () => {
  const text = '{"cniVersion": "1.0.0", "name": "a",\n "name": "pods", "plugins": [{"type": "trestle"}]}';
  expect(checkConfiguration(text).complaints).toMatchObject([{ line: 1, column: 25, severity: 'warning' }]);
});

test('misspellings are mended, and nothing else is touched', () => {
  const text =
    '{ "cniversion": "1.0.0",   "name":"pods", "plugins": [\n\t{"type": "trestel", "isgateway" : true, "mtu": "x"} ] }';
  expect(mended(text)).toBe(
    text.replace('cniversion', 'cniVersion').replace('trestel', 'trestle').replace('isg', 'isG'),
  );
});

test('what config new can print passes config check, and the rest is refused', () => {
  const flags = fc.record(
    {
      network: fc.constantFrom('pods', 'a.b-c_d', 'x y', ''),
      subnet: fc.uniqueArray(fc.constantFrom('10.1.0.0/24', 'fd00:1::/64', '10.2.0.0/16', '10.1.0.9/24', '1'), {
        minLength: 1,
      }),
      bridge: fc.constantFrom('cni0', 'br-1', 'far-too-long-a-name'),
      masquerade: fc.boolean(),
      cniVersion: fc.constantFrom('0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'),
      hostPorts: fc.boolean(),
      leaseDir: fc.constantFrom('/x', '/a b/c'),
    },
    { requiredKeys: [] },
  );
  const isBad = ({ network, subnet: all, bridge }: { network?: string; subnet?: string[]; bridge?: string }) =>
    network === 'x y' || network === '' || bridge?.startsWith('far') || all?.some((one) => /\.9\/|^1$/.test(one));
  fc.assert(
    fc.property(flags, (given) => {
      if (isBad(given)) expect(faultOf(() => conflistText(given)).message).toStartWith('cannot make a configuration');
      else expect(whatOf(conflistText(given))).toEqual([]);
    }),
  );
});
