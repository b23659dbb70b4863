/**
 * The differences that we mean: each with its reason, and each must be found, or the list is wrong. Whatever else differs
 * is a mistake of ours. What users should know of is in docs/configuration.md, too.
 */

export interface Meant {
  readonly because: string;
  /** Lines as `differences` has them. Each pattern must be found somewhere. */
  readonly lines: readonly RegExp[];
  /** The cases that it concerns, by name. Default: all. */
  readonly cases?: RegExp;
  /** What decides is drawn by lot, as the reference's MACs are: it need not be found each time. */
  readonly byChance?: true;
}

/** Everything that is seen of the node, or of a container, after ADD and after DEL. */
export const node = (rest: string) => new RegExp(`^after (?:ADD|DEL) \\| node \\| ${rest}$`);
const inside = (rest: string) => new RegExp(`^after (?:ADD|DEL) \\| container \\d \\| ${rest}$`);
/** A port of the bridge: a container's, or the VLAN gateway's. */
export const PORT = '<(?:veth \\d|port of [^>]+)>';
const IFNAME = '(?:eth0|net1)';
const GLOBAL = 'family:inet6 local:\\S+ prefixlen:\\d+ scope:global';

const ALWAYS: readonly Meant[] = [
  {
    because: 'lo is up in the container, so that runtimes need no plugin for it',
    lines: [
      inside('link \\| lo \\| flags \\| (UP|LOWER_UP): nothing -> true'),
      /^after ADD \| container \d \| address \| lo: nothing -> something$/,
      /^after ADD \| container \d \| route \| .* dst:127\.[\d./]+ dev:lo .*: nothing -> true$/,
      /^after DEL \| container \d \| address: nothing -> something$/,
      /^after DEL \| container \d \| route: nothing -> something$/,
    ],
  },
  {
    because:
      'the host veth has no link-local address, since nobody talks to a port of a bridge, and so needs no accept_ra of 0',
    lines: [
      node(`sysctl \\| ipv6/conf/${PORT}/addr_gen_mode: "0" -> "1"`),
      node(`sysctl \\| ipv6/conf/${PORT}/accept_ra: "0" -> "1"`),
      node(`address \\| ${PORT}: something -> nothing`),
      node(`route \\| .*dst:fe80::/64 dev:${PORT} .*: true -> nothing`),
    ],
  },
  {
    because:
      'the alias of a host veth names its attachment, the pod, and the data directory where that is not the default',
    lines: [
      node(
        'link \\| <veth \\d> \\| ifalias: nothing -> "trestle:[\\w.-]+@[0-9a-f]{8}/<container \\d>/\\w+(?: [\\w./-]+)? <directory>/\\S+"',
      ),
      node('link \\| <veth \\d> \\| ifalias: nothing -> "trestle:[\\w.-]+/<container \\d>/\\w+(?: [\\w./-]+)?"'),
    ],
  },
  {
    because: 'the alias of a bridge says that Trestle made it',
    lines: [node('link \\| \\S+ \\| ifalias: nothing -> "trestle:bridge"')],
  },
  {
    because: 'the host veth has the usual transmit queue, as the other end has on both sides',
    lines: [node(`link \\| ${PORT} \\| txqlen: nothing -> 1000`)],
  },
  {
    because: 'no router advertisement configures a container',
    lines: [inside(`sysctl \\| ipv6/conf/${IFNAME}/accept_ra: "1" -> "0"`)],
  },
  {
    because: 'the IPv6 address is announced as the IPv4 one is (and nothing is where there is no such address)',
    lines: [
      inside(`sysctl \\| ipv6/conf/${IFNAME}/ndisc_notify: "0" -> "1"`),
      inside(`sysctl \\| ipv4/conf/${IFNAME}/arp_notify: "1" -> "0"`),
    ],
  },
  {
    because:
      'an address says itself that it is not to be looked for elsewhere (nodad), on the bridge too: a gateway must answer at once',
    lines: [
      inside(`address \\| ${IFNAME} \\| ${GLOBAL}: true -> nothing`),
      inside(`address \\| ${IFNAME} \\| ${GLOBAL} nodad:true: nothing -> true`),
      node(`address \\| \\S+ \\| ${GLOBAL}: true -> nothing`),
      node(`address \\| \\S+ \\| ${GLOBAL} nodad:true: nothing -> true`),
      node('sysctl \\| ipv6/conf/\\S+/accept_dad: "1" -> "0"'),
    ],
  },
  {
    because: 'without IPv6 addresses of ours, detection of duplicates stays as the container has it',
    lines: [inside(`sysctl \\| ipv6/conf/${IFNAME}/accept_dad: "0" -> "1"`)],
  },
  {
    because: 'the result of 1.1.0 says the MTU',
    lines: [/^ADD \| \d \| result \| interfaces \| 2 \| mtu: nothing -> \d+$/],
  },
  {
    because: 'there is a code for each kind of error, and not 999 for all',
    lines: [/^ADD \| \d \| code: 999 -> \d+$/],
  },
];

/** The bridge where it has no gateway: ours has the MAC that it was given, theirs that of a port, or none. */
const BRIDGE_MAC: readonly Meant[] = [
  {
    because: 'the MAC of a bridge that we make does not follow its ports',
    lines: [
      new RegExp(
        `^ADD \\| \\d \\| result \\| interfaces \\| 0 \\| mac: "<MAC of ${PORT} in node>" -> "<MAC of cni0 in node>"$`,
      ),
      node(`link \\| cni0 \\| address: "<MAC of ${PORT} in node>" -> "<MAC of cni0 in node>"`),
      /^after DEL \| node \| link \| cni0 \| address: "00:00:00:00:00:00" -> "<MAC of cni0 in node>"$/,
      node('address \\| cni0 \\| family:inet6 local:fe80::\\S+ prefixlen:64 scope:link: true -> nothing'),
      node(
        'address \\| cni0 \\| family:inet6 local:<link-local of cni0 in node> prefixlen:64 scope:link: nothing -> true',
      ),
    ],
  },
  {
    because:
      'a bridge that never had a carrier has no link-local address yet; theirs is up for a moment without a port',
    cases: /^disableContainerInterface/,
    lines: [
      node('address \\| cni0: something -> nothing'),
      node('route \\| type:(unicast dst:fe80::/64|multicast dst:ff00::/8) dev:cni0 .*: true -> nothing'),
    ],
  },
  {
    because: 'what somebody else made is no gateway of ours, and may be configured by router advertisements',
    cases: /^there already, without a gateway$/,
    lines: [node('sysctl \\| ipv6/conf/cni0/accept_ra: "0" -> "1"')],
  },
  {
    because: 'another link-local address, since the MAC at creation was another',
    cases: /^there already, without a gateway$/,
    lines: [node('address \\| cni0 \\| family:inet6 local:fe80::\\S+ prefixlen:64 scope:link: nothing -> true')],
  },
];

const BETTER: readonly Meant[] = [
  {
    because:
      'CHECK works without IPAM, for routes in other tables, and where somebody else made the bridge promiscuous',
    cases: /^layer 2|^disableContainerInterface|layer 2$|table|^1.1.0’s keys under 1.0.0$|^there already, promiscuous$/,
    lines: [/^CHECK \| \d: 1 -> 0$/],
  },
  {
    because: 'an attachment without addresses has a record, and a lock beside it',
    cases: /^layer 2|^disableContainerInterface|layer 2$/,
    lines: [/^after (ADD|DEL) \| lease: \{\} -> something$/],
  },
  {
    because: 'routes have the MTU and the MSS that are asked for, and host bits in dst do no harm',
    cases: /^mtu and advmss$|^a route with host bits$|^1.1.0’s keys under 1.0.0$/,
    lines: [
      inside('route \\| .* dst:192\\.0\\.2\\.0/24 .*: true -> nothing'),
      inside('route \\| .* dst:192\\.0\\.2\\.0/24 .* metrics:\\[\\{"mtu":1300,"advmss":1200\\}\\]: nothing -> true'),
      inside('route \\| .* dst:192\\.0\\.2\\.0/24 .* metrics:\\[\\{"mtu":1300\\}\\]: nothing -> true'),
      /^ADD \| 0 \| status: 1 -> 0$/,
    ],
  },
  {
    because: 'the result of the plugin before ours in the list is handed through',
    cases: /^behind another plugin$/,
    lines: [/^ADD \| 0 \| result \| dns: nothing -> something$/],
  },
  {
    because: 'equal routes are one',
    cases: /^equal routes$/,
    lines: [/^ADD \| 0 \| status: 1 -> 0$/],
  },
  {
    because:
      'a default route without a gateway is one, and one in another table is none: the main table gets what isDefaultGateway asks for',
    cases: /^default routes without gateway from IPAM|^a default route in a table/,
    lines: [
      /^ADD \| 0 \| status: 1 -> 0$/,
      /^ADD \| 0 \| result \| routes \| 1 \| dst: "::\/0" -> "0.0.0.0\/0"$/,
      /^ADD \| 0 \| result \| routes \| 1 \| gw: "fd00:89::1" -> "10.89.0.1"$/,
      /^ADD \| 0 \| result \| routes \| 2: nothing -> something$/,
      inside('route \\| type:unicast dst:default gateway:10\\.89\\.0\\.1 dev:eth0 table:main .*: nothing -> true'),
      /^CHECK by theirs \| 0: 1 -> 0$/,
    ],
  },
  {
    because: 'a result before 1.1.0 has no place for what 1.1.0 knows of routes, but the route has it, under 0.2.0 too',
    cases: /^1.1.0’s keys under/,
    lines: [
      /^ADD \| 0 \| result \| routes \| 0 \| (priority|mtu|table): \d+ -> nothing$/,
      inside('route \\| type:unicast dst:192\\.0\\.2\\.0/24 .*: (true -> nothing|nothing -> true)'),
    ],
  },
  {
    because: 'a network may have several subnets of IPv4, each with its gateway',
    cases: /^two sets of IPv4(, forceAddress)?$/,
    lines: [
      /^ADD \| 0 \| status: 1 -> 0$/,
      node('address \\| cni0 \\| family:inet local:10\\.89\\.0\\.1 .*: nothing -> true'),
      node('route \\| .* dst:10\\.89\\.0\\.\\S+ dev:cni0 .*: nothing -> true'),
    ],
  },
  {
    because: 'a bridge may have the gateway with another prefix length',
    cases: /^the address with another length, without a port$/,
    lines: [/^ADD \| 0 \| status: 1 -> 0$/],
  },
  {
    because: 'without mtu, it is that of the way out',
    cases: /^no mtu, with an uplink of less$/,
    lines: [
      node('link \\| (cni0|<veth 0>) \\| mtu: 1500 -> 1400'),
      node('sysctl \\| ipv6/conf/(cni0|<veth 0>)/mtu: "1500" -> "1400"'),
      inside('link \\| eth0 \\| mtu: 1500 -> 1400'),
      inside('sysctl \\| ipv6/conf/eth0/mtu: "1500" -> "1400"'),
    ],
  },
  {
    because: 'the bridge does not learn MACs from what no filter sees',
    cases: /^macspoofchk/,
    lines: [node('link \\| cni0 \\| linkinfo \\| info_data \\| no_linklocal_learn: 0 -> 1')],
  },
];

const STRICTER: readonly Meant[] = [
  {
    because: 'a value of the wrong type is a mistake in the configuration (7), and not in the JSON (6)',
    cases: /^(name|cniVersion) is a number$/,
    lines: [/^ADD \| 0 \| code: 6 -> 7$/],
  },
  {
    because: 'what can mean nothing is refused, where theirs is cut off or passed over',
    cases: /^mtu is negative$|^routes: (table is negative|scope above a byte)$/,
    lines: [/^ADD \| 0 \| status: 0 -> 1$/],
  },
];

/** Of the main plugin. */
export const MEANT: readonly Meant[] = [...ALWAYS, ...BRIDGE_MAC, ...BETTER, ...STRICTER];
