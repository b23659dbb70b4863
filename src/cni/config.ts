/** The network configuration: the JSON on stdin, for both roles (CNI spec 1.1, section 1; keys of the reference bridge). */

import { ipamShape, ipRangesShape, type OptionalIpamSection, optionalIpamShape } from '../ipam/config.ts';
import { anything, dns, flag, ips, mac, mtu, text, unsigned } from '../schema/net.ts';
import { isObject, leaf, list, object, type Shape, selected, type ValueOf } from '../schema/shape.ts';
import { logShape } from './log-config.ts';

/** GC's list may be long, so one schema serves all its entries. */
const attachments = leaf((z) => z.array(z.object({ containerID: z.string(), ifname: z.string() })));

/** What both roles read. `prevResult` is read later, and only by those who need it. */
const commonKeys = {
  cniVersion: text,
  name: text,
  type: text,
  dns,
  log: logShape,
  status: text,
  args: object({ cni: object({ ips, mac }) }),
  runtimeConfig: object({ ips, mac, ipRanges: ipRangesShape }),
  prevResult: anything,
  'cni.dev/valid-attachments': attachments,
  'cni.dev/attachments': attachments,
};

export const ipamPluginShape = object({ ...commonKeys, ipam: ipamShape }, 'ipam');

/** IPAM that is done in this process, whatever of its two names it is called by. */
const OWN_IPAM = ['', 'trestle-ipam', 'host-local'];

/** What the section of another IPAM plugin holds is that plugin's business. */
const foreignIpamShape: Shape<OptionalIpamSection> = object({ type: text, dataDir: text });

const ipamSection = selected((value) => {
  const type = isObject(value) ? (value.type ?? '') : '';
  return typeof type !== 'string' || OWN_IPAM.includes(type) ? optionalIpamShape : foreignIpamShape;
});

/** Whether this process does the IPAM. */
export function isOwnIpam(type: string): boolean {
  return OWN_IPAM.includes(type);
}

const vlanId = unsigned(4094);

export const mainPluginShape = object({
  ...commonKeys,
  bridge: text,
  isGateway: flag,
  isDefaultGateway: flag,
  forceAddress: flag,
  ipMasq: flag,
  ipMasqBackend: text,
  forward: text,
  mtu,
  hairpinMode: flag,
  promiscMode: flag,
  vlan: vlanId,
  vlanTrunk: list(object({ minID: vlanId, maxID: vlanId, id: vlanId })),
  preserveDefaultVlan: flag,
  macspoofchk: flag,
  portIsolation: flag,
  enabledad: flag,
  disableContainerInterface: flag,
  ipam: ipamSection,
});

export type MainConfig = ValueOf<typeof mainPluginShape>;
export type IpamPluginConfig = ValueOf<typeof ipamPluginShape>;
