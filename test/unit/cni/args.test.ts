import { describe, expect, test } from 'bun:test';
import { formatIp } from '../../../src/address/ip.ts';
import { formatMac } from '../../../src/address/mac.ts';
import { parseArgs } from '../../../src/cni/environment.ts';
import { faultOf } from '../../support/fault.ts';

const NOTHING = { ip: undefined, mac: undefined, pod: undefined };

test.each(['', ';', 'IP=', 'MAC=;IP=', 'IgnoreUnknown=0', 'IgnoreUnknown=1;F=1', 'GATEWAY=10.1.0.1'])(
  '%j asks for nothing',
  (text) => {
    expect(parseArgs(text)).toEqual(NOTHING);
  },
);

test.each([
  ['IP=10.1.0.2', '10.1.0.2'],
  ['IP=10.1.0.2/24', '10.1.0.2'],
  ['IP=fd00::2', 'fd00::2'],
  [';MAC=0a:1b:2c:3d:4e:5f;IP=10.1.0.2;', '10.1.0.2'],
])('%s asks for %s', (text, ip) => {
  expect(formatIp(parseArgs(text).ip as never)).toBe(ip);
});

test.each(['MAC=0A:1B:2C:3D:4E:5F', 'IP=;MAC=0a-1b-2c-3d-4e-5f'])('%s asks for a MAC address', (text) => {
  expect(formatMac(parseArgs(text).mac as Uint8Array)).toBe('0a:1b:2c:3d:4e:5f');
});

test('what Kubernetes says of the pod is kept', () => {
  const text =
    'K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_NAMESPACE=default;IgnoreUnknown=1;K8S_POD_UID=u;K8S_POD_NAME=web-0';
  const pod = { namespace: 'default', name: 'web-0', infraContainerId: 'abc', uid: 'u' };
  expect(parseArgs(text)).toEqual({ ...NOTHING, pod });
  expect(parseArgs('K8S_POD_NAME=a=b').pod).toEqual({
    namespace: undefined,
    name: 'a=b',
    infraContainerId: undefined,
    uid: undefined,
  });
});

describe('an unknown key', () => {
  test.each(['', ';IgnoreUnknown=0', ';IgnoreUnknown=false', ';IgnoreUnknown=', ';ignoreunknown=1'])(
    'is refused and named: K=v%s',
    (more) => {
      const fault = faultOf(() => parseArgs(`FOO=1;IP=10.1.0.2;ip=x${more}`));
      expect(fault.kind).toBe('environment');
      expect(fault.message).toStartWith('CNI_ARGS has keys that are not known here: the string "FOO", the string "ip"');
      expect(fault.details).toContain('IgnoreUnknown=1');
    },
  );

  test('is refused when it is the only one', () => {
    expect(faultOf(() => parseArgs('FOO=1')).message).toStartWith('CNI_ARGS has keys that are not known here: ');
  });

  test.each(['1', 'true', 't', 'T', 'TRUE', 'True', 'tRuE'])('is passed over with IgnoreUnknown=%s', (value) => {
    expect(parseArgs(`FOO=1;IgnoreUnknown=${value}`)).toEqual(NOTHING);
    expect(parseArgs(`IgnoreUnknown=${value};FOO=1`)).toEqual(NOTHING);
  });
});

describe('what cannot be used', () => {
  test.each([
    ['IP', 'CNI_ARGS is malformed: the string "IP" is not KEY=value'],
    ['=x', 'CNI_ARGS is malformed: the string "=x" is not KEY=value'],
    ['IgnoreUnknown=1;rubbish', 'CNI_ARGS is malformed: the string "rubbish" is not KEY=value'],
    ['IP=10.1.0.256', 'CNI_ARGS is malformed: IP=10.1.0.256 is not an IP address'],
    ['IP=10.1.0.2,10.1.0.3', 'CNI_ARGS is malformed: IP=10.1.0.2,10.1.0.3 is not an IP address'],
    ['MAC=0a:1b', 'CNI_ARGS is malformed: MAC=0a:1b is not a MAC address that an interface may have'],
    [
      'MAC=01:00:5e:00:00:01',
      'CNI_ARGS is malformed: MAC=01:00:5e:00:00:01 is not a MAC address that an interface may have',
    ],
  ])('%s', (text, message) => {
    const fault = faultOf(() => parseArgs(text));
    expect([fault.kind, fault.message]).toEqual(['environment', message]);
  });
});
