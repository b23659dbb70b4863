/** Good inputs, from which the fuzzed ones are made. */

/** The seed of a run: TRESTLE_SEED, or one by the clock. It is printed, and repeats the run. */
export function chooseFuzzSeed(): number {
  return Number(process.env.TRESTLE_SEED ?? Date.now() % 2 ** 31);
}

export const FUZZED_ADD = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/nonexistent/netns',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'IgnoreUnknown=1',
} as const;

/** Every key that matters once. */
export const FUZZED_CONFIG: Record<string, unknown> = {
  cniVersion: '1.1.0',
  name: 'pods',
  type: 'trestle',
  bridge: 'cni0',
  isGateway: true,
  isDefaultGateway: true,
  ipMasq: true,
  hairpinMode: false,
  mtu: 1500,
  capabilities: { ips: true, mac: true },
  args: { cni: { ips: ['10.1.0.7'] } },
  runtimeConfig: { ips: ['10.1.0.7/24'], mac: '02:00:00:00:00:07' },
  dns: { nameservers: ['192.0.2.53'], domain: 'x', search: ['y'], options: ['z'] },
  'cni.dev/valid-attachments': [{ containerID: 'c1', ifname: 'eth0' }],
  ipam: {
    type: 'trestle-ipam',
    dataDir: '/nonexistent/data',
    routes: [{ dst: '0.0.0.0/0' }, { dst: 'fd00:1::/64', gw: 'fd00::1', mtu: 1400, priority: 7 }],
    ranges: [
      [
        {
          subnet: '10.1.0.0/24',
          rangeStart: '10.1.0.2',
          rangeEnd: '10.1.0.250',
          gateway: '10.1.0.1',
          exclude: ['10.1.0.8/29'],
        },
      ],
      [{ subnet: 'fd00::/64' }],
    ],
  },
};

export const FUZZED_RESULT: Record<string, unknown> = {
  cniVersion: '1.1.0',
  interfaces: [
    { name: 'cni0', mac: '02:00:00:00:00:01' },
    { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/x' },
  ],
  ips: [{ address: '10.1.0.2/24', gateway: '10.1.0.1', interface: 1 }, { address: 'fd00::2/64' }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }],
  dns: { nameservers: ['192.0.2.53'] },
};

/** The same with every path that is written to or read from within a directory of ours, however the keys are spelt. */
export function confined(json: unknown, dataDir: string): unknown {
  if (Array.isArray(json)) return json.map((entry) => confined(entry, dataDir));
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).flatMap(([key, entry]) => {
    const name = key.toLowerCase();
    if (name === 'log' || name === 'datadir') return [];
    if (name === 'resolvconf') return [[key, `${dataDir}/resolv.conf`] as const];
    const inner = confined(entry, dataDir);
    const isSection = name === 'ipam' && typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return [[key, isSection ? { ...inner, dataDir } : inner] as const];
  });
  return Object.fromEntries(entries);
}
