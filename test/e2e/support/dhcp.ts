/** The reference IPAM plugin dhcp with its daemon, and a DHCP server on the bridge, in a namespace of its own. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REFERENCE_DIRECTORY } from '../../support/artifacts.ts';
import { createNetns, ipBatch, type Netns, spawnIn } from '../../support/netns.ts';
import type { ScratchNode } from '../../support/node.ts';
import { tool } from '../../support/process.ts';

export interface DhcpServer extends Disposable {
  readonly ns: Netns;
  readonly address: string;
  /** The addresses that are leased. */
  leases(): string[];
}

/** dnsmasq behind a port of the bridge cni0, which is made with it. It gives 10.97.0.50 to 10.97.0.99. */
export async function dhcpServer(node: ScratchNode): Promise<DhcpServer> {
  const ns = createNetns();
  ipBatch(
    node.ns,
    `link add cni0 type bridge
     link add dhcp-port type veth peer name eth0 netns ${ns.name}
     link set dhcp-port master cni0 up
     link set cni0 up`,
  );
  ipBatch(ns, 'link set lo up\naddress add 10.97.0.1/24 dev eth0\nlink set eth0 up');
  const file = join(node.directory, 'dnsmasq.leases');
  const options = [
    '--no-daemon --conf-file=/dev/null --port=0 --user=root --no-ping --dhcp-authoritative',
    '--interface=eth0 --bind-interfaces --dhcp-range=10.97.0.50,10.97.0.99,255.255.255.0,1h',
    `--dhcp-option=option:router,10.97.0.1 --dhcp-option=option:dns-server,10.97.0.53 --dhcp-leasefile=${file}`,
    `--pid-file=${join(node.directory, 'dnsmasq.pid')}`,
  ];
  const server = spawnIn(ns, [tool('dnsmasq'), ...options.join(' ').split(' ')]);
  await until(() => existsSync(file), 'dnsmasq has no file of leases');
  return {
    ns,
    address: '10.97.0.1',
    leases: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line) => line.split(' ')[2] ?? []),
    [Symbol.dispose]: () => {
      server.kill('SIGKILL');
      ns.delete();
    },
  };
}

/** The daemon of the plugin dhcp, which gives up soon. @returns the path of its socket, for `ipam.daemonSocketPath` */
export async function dhcpDaemon(node: ScratchNode): Promise<string> {
  const socket = join(node.directory, 'dhcp.sock');
  spawnIn(node.ns, [
    join(REFERENCE_DIRECTORY, 'dhcp'),
    'daemon',
    '-timeout',
    '1s',
    '-resendmax',
    '1s',
    '-socketpath',
    socket,
  ]);
  await until(() => existsSync(socket), 'the daemon of dhcp has no socket');
  return socket;
}

async function until(isSo: () => boolean, complaint: string): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries === 500) throw new Error(`${complaint} after 5 s`);
    await Bun.sleep(10);
  }
}
