/** Keys that are nearly right. */

import { describe, expect, test } from 'bun:test';
import { tidyKeys } from '../../../src/cni/keys.ts';
import { mainPluginSchema } from '../../../src/plugins/bridge/request.ts';
import { requestOf, testLog } from '../plugins/bridge/requests.ts';

/** The configuration as it is understood, and what was said about it. */
function tidy(json: string): { value: unknown; lines: string[] } {
  const { lines, log } = testLog();
  const config: unknown = JSON.parse(json);
  return { value: tidyKeys(mainPluginSchema(config), config, log), lines };
}

test('keys that are right are nobody’s business', () => {
  const config = {
    ...{ cniVersion: '1.0.0', name: 'pods', type: 'trestle', bridge: 'cni0', isGateway: true, ipMasq: true },
    ...{
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: '10.1.0.0/24', gateway: '10.1.0.1' }]],
        routes: [{ dst: '::/0' }],
      },
    },
    ...{ dns: { nameservers: ['10.1.0.1'] }, args: { cni: { ips: ['10.1.0.2'] } } },
    ...{ capabilities: { portMappings: true }, runtimeConfig: { portMappings: [{ hostPort: 80 }], bandwidth: {} } },
    ...{ 'cni.dev/valid-attachments': [{ containerID: 'a', ifname: 'eth0' }], loadOnlyInlinedPlugins: true },
  };
  expect(tidy(JSON.stringify(config))).toEqual({ value: config, lines: [] });
});

describe('a key of another case', () => {
  test('is taken for the right one, with a warning', () => {
    expect(tidy('{"isgateway":true,"MTU":1400}')).toEqual({
      value: { isGateway: true, mtu: 1400 },
      lines: [
        'warn: the key "isgateway" is taken for "isGateway"; write it that way, since other plugins may not accept it',
        'warn: the key "MTU" is taken for "mtu"; write it that way, since other plugins may not accept it',
      ],
    });
  });

  test('is found at any depth, in lists too', () => {
    const { value, lines } = tidy(
      '{"IPAM":{"Type":"trestle-ipam","ranges":[[{"Subnet":"10.1.0.0/24"}],[{"SUBNET":"fd00::/64"}]]}}',
    );
    expect(value).toEqual({
      ipam: { type: 'trestle-ipam', ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00::/64' }]] },
    });
    expect(lines.map((line) => /the key "(\S+)" is taken/.exec(line)?.[1])).toEqual([
      'IPAM',
      'IPAM.Type',
      'IPAM.ranges[0][0].Subnet',
      'IPAM.ranges[1][0].SUBNET',
    ]);
  });

  test('is found in what is read only where it is there', () => {
    const { value } = tidy('{"runtimeConfig":{"IPs":["10.1.0.2"]},"args":{"CNI":{"Mac":"x"}},"DNS":{"Search":["a"]}}');
    expect(value).toEqual({
      runtimeConfig: { ips: ['10.1.0.2'] },
      args: { cni: { mac: 'x' } },
      dns: { search: ['a'] },
    });
  });

  test.each(['{"isGateway":true,"isgateway":false}', '{"isgateway":false,"isGateway":true}'])(
    'beside the right one has no effect, and that is told: %s',
    (json) => {
      expect(requestOf(JSON.parse(json) as object).config.isGateway).toBe(true);
      expect(tidy(json).lines.join()).toStartWith('warn: the key "isgateway"');
    },
  );
});

describe('a key that is misspelt', () => {
  test.each([
    ['isGatway', 'isGateway'],
    ['ipmasq_', 'ipMasq'],
    ['hairpinMod', 'hairpinMode'],
    ['brigde', 'bridge'],
    ['mtux', 'mtu'],
    ['capabilites', 'capabilities'],
    ['hairpinM', undefined],
    ['typ', undefined],
    ['foo', undefined],
    ['mt', undefined],
  ])('%s: is %s meant?', (key, near) => {
    const { value, lines } = tidy(JSON.stringify({ [key]: 1 }));
    expect(value).toEqual({ [key]: 1 });
    const warning = `warn: the key "${key}" is not known and has no effect; is "${near}" meant?`;
    expect(lines).toEqual(near === undefined ? [] : [warning]);
  });

  test('is named with its place', () => {
    expect(tidy('{"ipam":{"type":"trestle-ipam","rangs":[]}}').lines).toEqual([
      'warn: the key "ipam.rangs" is not known and has no effect; is "ranges" meant?',
    ]);
  });
});

describe('what is not ours is left as it is', () => {
  test('a result that is handed in', () => {
    const json = '{"prevResult":{"CNIVERSION":"1.0.0","IPs":[{"Address":"x"}],"interface":[]}}';
    expect(tidy(json)).toEqual({ value: JSON.parse(json), lines: [] });
  });

  test.each([
    '{"ipam":"x"}',
    '{"ipam":[1]}',
    '{"ipam":7}',
    '{"dns":null}',
    '[]',
    '"x"',
    '{"ipam":{"ranges":{"Subnet":1}}}',
  ])('values of a wrong type: %s', (json) => {
    expect(tidy(json)).toEqual({ value: JSON.parse(json), lines: [] });
  });

  test('names that every object has', () => {
    const json = '{"__proto__":{"bridge":"evil"},"constructor":{"bridge":"evil"},"toString":1,"hasOwnProperty":2}';
    const { value } = tidy(json);
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor', 'toString', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { bridge?: string }).bridge).toBeUndefined();
    expect(requestOf(JSON.parse(json) as object).config.bridge).toBeUndefined();
    expect(({} as { bridge?: string }).bridge).toBeUndefined();
  });
});
