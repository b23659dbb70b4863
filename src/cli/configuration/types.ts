/** The plugins that a `type` may name: the executables that the CNI project and others ship under these names. */

/** Plugins of a configuration. */
const PLUGINS: readonly string[] = [
  ...['trestle', 'bridge', 'ptp', 'macvlan', 'ipvlan', 'vlan', 'host-device', 'loopback', 'dummy', 'tap'],
  ...['portmap', 'bandwidth', 'firewall', 'sbr', 'tuning', 'vrf', 'flannel', 'calico', 'cilium-cni', 'multus'],
  ...['weave-net', 'kube-router', 'antrea', 'aws-cni', 'azure-vnet', 'istio-cni', 'linkerd-cni', 'dnsname'],
];

/** Plugins that give addresses. */
const IPAM_PLUGINS: readonly string[] = [
  ...['trestle-ipam', 'host-local', 'dhcp', 'static', 'whereabouts', 'calico-ipam', 'aws-cni', 'azure-vnet-ipam'],
];

/** Types whose configuration the main plugin of this program reads. */
export const OWN_TYPES: readonly string[] = ['trestle', 'bridge'];

/** The types that a key may have: `type` of a plugin, or of its section `ipam`. */
export function knownTypes(role: 'plugin' | 'ipam'): readonly string[] {
  return role === 'plugin' ? PLUGINS : IPAM_PLUGINS;
}
