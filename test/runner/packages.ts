/** The Debian packages that the tests need, installed where they are missing. */

import { existsSync } from 'node:fs';
import { ARM64 } from './arm64/name.ts';
import { KERNEL61 } from './kernel61/name.ts';
import type { Report } from './report.ts';
import { runTool } from './tool.ts';

interface SystemPackage {
  readonly name: string;
  /** A program it brings; whoever has that needs no package. */
  readonly program: string;
  readonly reason: string;
  /** The only step that needs it. */
  readonly step?: string;
}

const PACKAGES: readonly SystemPackage[] = [
  { name: 'iproute2', program: 'ip', reason: 'makes namespaces, reads links, addresses, routes' },
  { name: 'util-linux', program: 'nsenter', reason: 'enters a namespace without touching /sys' },
  { name: 'nftables', program: 'nft', reason: 'reads the packet filter' },
  { name: 'iptables', program: 'iptables', reason: 'the iptables backend, and a policy of DROP as Docker sets it' },
  { name: 'busybox-static', program: 'busybox', reason: 'ping, and the programs of a container image' },
  { name: 'strace', program: 'strace', reason: 'shows that the plugin starts no process' },
  { name: 'dnsmasq-base', program: 'dnsmasq', reason: 'a DHCP server for the reference IPAM plugin dhcp' },
  { name: 'faketime', program: 'faketime', reason: 'a wall clock that jumps, for one program alone' },
  {
    name: 'containernetworking-plugins',
    program: '/usr/lib/cni/bridge',
    reason: 'the reference plugins, as peers and for comparison',
  },
  { name: 'zsh', program: 'zsh', reason: 'completes command lines with our script' },
  { name: 'fish', program: 'fish', reason: 'the same' },
  { name: 'mandoc', program: 'mandoc', reason: 'finds flaws in the manual page' },
  { name: 'groff-base', program: 'groff', reason: 'formats the manual page' },
  { name: 'podman', program: 'podman', reason: 'a runtime that runs without a daemon' },
  { name: 'runc', program: 'runc', reason: 'starts the containers of both' },
  { name: 'containerd', program: 'containerd', reason: 'the runtime of Kubernetes nodes' },
  {
    name: 'qemu-system-x86',
    program: 'qemu-system-x86_64',
    reason: 'a machine with another kernel, emulated',
    step: KERNEL61,
  },
  {
    name: 'qemu-system-arm',
    program: 'qemu-system-aarch64',
    reason: 'a machine with an arm64 processor, emulated',
    step: ARM64,
  },
];

const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Installs what is missing, if anything is, and says so. `steps`: those with packages of their own. */
export async function installMissing(steps: readonly string[]): Promise<Report | undefined> {
  const isWanted = ({ step }: SystemPackage) => step === undefined || steps.includes(step);
  const missing = PACKAGES.filter((candidate) => isWanted(candidate) && !isThere(candidate));
  if (missing.length === 0) return undefined;
  for (const { name, reason } of missing) console.log(`apt-get install ${name}: ${reason}`);
  const started = performance.now();
  const output = await install(missing.map((wanted) => wanted.name));
  const failed = missing.filter((wanted) => !isThere(wanted)).map((wanted) => `${wanted.name} is not installed`);
  return { name: 'packages', ms: performance.now() - started, passed: [], failed, skipped: [], output };
}

/** A fresh machine has no package lists yet, an old one has lists that are out of date: then they are fetched. */
async function install(names: string[]): Promise<string> {
  const options = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const attempt = () => runTool(['apt-get', 'install', ...options, ...names], environment);
  const first = await attempt();
  if (first.status === 0) return first.output;
  const update = await runTool(['apt-get', 'update', '-q'], environment);
  const second = await attempt();
  return [update, second].map((tool) => `${tool.command}: ${tool.ending}\n${tool.output}`).join('\n');
}

function isThere({ program }: SystemPackage): boolean {
  return program.startsWith('/') ? existsSync(program) : Bun.which(program, { PATH: SYSTEM_PATH }) !== null;
}
