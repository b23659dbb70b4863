/** The request of the IPAM plugin. */

import { describe, expect, test } from 'bun:test';
import { readEnvironment, type Variables } from '../../../../src/cni/environment.ts';
import { type IpamRequest, readIpamRequest } from '../../../../src/plugins/ipam/ipam-plugin.ts';
import { faultOf } from '../../../support/fault.ts';
import { ADD, testLog } from '../bridge/requests.ts';

function read(config: object, variables: Variables = {}, { log } = testLog()): IpamRequest {
  const json = { name: 'pods', ...config };
  return readIpamRequest(readEnvironment({ ...ADD, ...variables }), { text: JSON.stringify(json), json }, log);
}

describe('a key of the first range', () => {
  test.each(['rangeStart', 'rangeEnd', 'gateway'])('%s has no effect without subnet, and a warning says so', (key) => {
    const log = testLog();
    const ranges = [[{ subnet: '10.1.0.0/24' }]];
    read({ ipam: { type: 'host-local', ranges, [key]: '10.1.0.9' } }, {}, log);
    expect(log.lines).toEqual([
      `warn: the key "ipam.${key}" has no effect without "ipam.subnet"; ` +
        `write it into the range that it is meant for, as ipam.ranges[0][0].${key}`,
    ]);
  });

  test('has its effect beside subnet; exclude holds for ranges, too', () => {
    const log = testLog();
    const range = { rangeStart: '10.1.0.9', rangeEnd: '10.1.0.99', gateway: '10.1.0.7', exclude: ['10.1.0.8/32'] };
    read({ ipam: { type: 'host-local', subnet: '10.1.0.0/24', ...range } }, {}, log);
    read({ ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.0.0/24' }]], exclude: ['10.1.0.8/32'] } }, {}, log);
    expect(log.lines).toEqual([]);
  });
});

describe('the routes', () => {
  const section = (...routes: object[]) => ({ ipam: { type: 'host-local', subnet: '10.1.0.0/24', routes } });
  const MIXED = section({ dst: '10.2.0.0/16', gw: 'fd00::1' });

  test('that are the same are one', () => {
    const { ipam } = read(section({ dst: '10.2.0.0/16' }, { dst: '10.2.3.4/16', table: 254 }));
    expect(ipam.routes).toHaveLength(1);
  });

  test('that the kernel refuses are refused before anything is changed', () => {
    for (const CNI_COMMAND of ['ADD', 'CHECK', 'STATUS']) {
      const fault = faultOf(() => read({ cniVersion: '1.1.0', ...MIXED }, { CNI_COMMAND }));
      expect([fault.kind, fault.message]).toEqual([
        'config',
        'cannot use the configuration: ipam.routes[0]: gw fd00::1 is not of the family of dst 10.2.0.0/16',
      ]);
    }
  });

  test('do not make a DEL or a GC fail', () => {
    for (const CNI_COMMAND of ['DEL', 'GC']) {
      expect(read({ cniVersion: '1.1.0', ...MIXED }, { CNI_COMMAND }).ipam.routes).toHaveLength(1);
    }
  });
});

test('a whole list is refused', () => {
  const list = { cniVersion: '1.0.0', plugins: [{ type: 'bridge' }, { type: 'portmap' }] };
  const fault = faultOf(() => read(list));
  expect([fault.kind, fault.message]).toEqual([
    'config',
    'cannot use the configuration: it is a network configuration list, for it has "plugins"',
  ]);
});

test('the section ipam must be there, with a type', () => {
  expect(read({ ipam: { type: 'trestle-ipam' } }).ipam.type).toBe('trestle-ipam');
  expect(faultOf(() => read({})).message).toBe('cannot use the configuration: ipam is missing');
  expect(faultOf(() => read({ ipam: {} })).message).toBe('cannot use the configuration: ipam.type is missing');
});
