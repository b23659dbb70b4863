/** The request of the IPAM plugin. */

import { expect, test } from 'bun:test';
import { readEnvironment, type Variables } from '../../../../src/cni/environment.ts';
import { type IpamRequest, readIpamRequest } from '../../../../src/plugins/ipam/request.ts';
import { faultOf } from '../../../support/fault.ts';
import { ADD, testLog } from '../bridge/requests.ts';

function read(config: object, variables: Variables = {}, { log } = testLog()): IpamRequest {
  const json = { name: 'pods', ...config };
  return readIpamRequest(readEnvironment({ ...ADD, ...variables }), { text: JSON.stringify(json), json }, log);
}

test('the section ipam must be there, with a type', () => {
  expect(read({ ipam: { type: 'trestle-ipam' } }).ipam.type).toBe('trestle-ipam');
  expect(faultOf(() => read({})).message).toBe('cannot use the configuration: ipam is missing');
  expect(faultOf(() => read({ ipam: {} })).message).toBe('cannot use the configuration: ipam.type is missing');
});
