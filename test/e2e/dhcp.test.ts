/** IPAM by the reference plugin dhcp: it asks a server over the container's interface, and gives the lease back there. */

import { expect, test } from 'bun:test';
import { type Artifact, REFERENCE_DIRECTORY } from '../support/artifacts.ts';
import { failed, succeeded } from '../support/cni.ts';
import { cidrs, routes } from '../support/kernel.ts';
import { leftovers } from '../support/leftovers.ts';
import { exec } from '../support/netns.ts';
import { createNode, type ScratchNode } from '../support/node.ts';
import { type Runtime, runtime } from '../support/runtime.ts';
import { ping } from '../support/traffic.ts';
import { dhcpDaemon, dhcpServer } from './support/dhcp.ts';
import { e2e, mustLink, network } from './support/network.ts';

/** A network on whose bridge a DHCP server gives addresses and is the way out. */
function dhcpNetwork(node: ScratchNode, artifact: Artifact, socket: string): Runtime {
  const ipam = { type: 'dhcp', daemonSocketPath: socket, dataDir: node.dataDir };
  const config = network(node, { cniVersion: '1.0.0', isDefaultGateway: false, ipMasq: false, ipam });
  return runtime(node, artifact, config);
}

const OPTIONS = { path: REFERENCE_DIRECTORY };

e2e('dhcp', (artifact) => {
  test('gives a lease, which works, passes CHECK, and goes back to the server with DEL', async () => {
    using node = createNode();
    using server = await dhcpServer(node);
    const pods = dhcpNetwork(node, artifact, await dhcpDaemon(node));
    const [one, two] = [node.container(), node.container()];
    const before = leftovers(node);
    const results = [one, two].map((container) => succeeded(pods.add(container, OPTIONS)));
    const given = results.map(({ ips }) => ips?.[0]?.address.split('/')[0] as string);
    expect(server.leases().sort()).toEqual([...given].sort());
    expect(given[0]).toMatch(/^10\.97\.0\.[5-9]\d$/);
    expect(cidrs(one.ns, 'eth0')).toEqual([`${given[0]}/24`]);
    expect(routes(one.ns, 4)[0]).toMatchObject({ dst: 'default', gateway: server.address });
    for (const to of [server.address, given[1] as string]) expect(ping(one.ns, to)).toBe(true);
    succeeded(pods.check(one, OPTIONS));
    exec(one.ns, ['ip', 'address', 'flush', 'dev', 'eth0']);
    expect(failed(pods.check(one, OPTIONS))).toMatchObject({ code: 105, msg: expect.stringContaining('is missing') });
    for (const container of [one, two]) succeeded(pods.del(container, OPTIONS));
    await Bun.sleep(500); // the daemon does not wait for its message to be on its way
    expect(server.leases()).toEqual([]);
    expect(leftovers(node)).toEqual({ ...before, containers: leftovers(node).containers });
    succeeded(pods.del(one, OPTIONS));
  });

  test('whose server is silent fails the ADD with the daemon’s words, and nothing is left', async () => {
    using node = createNode();
    using server = await dhcpServer(node);
    exec(server.ns, ['ip', 'link', 'set', 'eth0', 'down']);
    const pods = dhcpNetwork(node, artifact, await dhcpDaemon(node));
    const before = leftovers(node);
    const error = failed(pods.add(node.container(), OPTIONS));
    expect(error.msg).toContain('DHCP');
    expect(leftovers(node)).toEqual({ ...before, containers: leftovers(node).containers });
  });

  test('without its daemon fails the ADD with its own words, and nothing is left', () => {
    using node = createNode();
    const pods = dhcpNetwork(node, artifact, `${node.directory}/nobody.sock`);
    const before = leftovers(node);
    const error = failed(pods.add(node.container(), OPTIONS));
    expect(error.msg).toContain('error dialing DHCP daemon');
    expect(mustLink(node.ns, 'cni0').flags).toContain('UP');
    expect(leftovers(node)).toEqual({ ...before, containers: leftovers(node).containers });
  });
});
