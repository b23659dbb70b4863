/** The kernel modules that the tests may need, with those that they need themselves. */

const WANTED = [
  /^kernel\/net\/(bridge|802|8021q|ipv4|ipv6|netfilter|sched|9p|llc|core|packet)\//,
  /^kernel\/drivers\/net\/(veth|dummy|vrf|ifb|tun|macvlan|macvtap|ipvlan\/.*|vxlan\/.*)\.ko(\.xz)?$/,
  /^kernel\/drivers\/virtio\/virtio_pci\.ko(\.xz)?$/,
  /^kernel\/fs\/9p\//,
  // nf_tables asks the crypto API for it by name, so no dependency tells.
  /^kernel\/crypto\/crc32c_generic\.ko(\.xz)?$/,
];

/** @param dependencies modules.dep: `a.ko: b.ko c.ko`, a line a module, with the dependencies' own dependencies */
export function modulesOf(dependencies: string): string[] {
  const lines = dependencies.split('\n').map((line) => line.split(/:? /).filter((word) => word !== ''));
  const needed = lines.filter(([module = '']) => WANTED.some((pattern) => pattern.test(module.replace(/:$/, ''))));
  return [...new Set(needed.flat().map((file) => file.replace(/:$/, '')))].sort();
}
