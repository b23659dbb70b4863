/** cnitool, which is libcni on a command line, with each configuration of conf/. */

import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../e2e/support/network.ts';
import { type Artifact, artifacts } from '../support/artifacts.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { addresses, cidrs, link, links } from '../support/kernel.ts';
import { exec } from '../support/netns.ts';
import { NODE_ADDRESS, OUTSIDE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { ping, seenFrom, sourceServer } from '../support/traffic.ts';
import { cnitool, ourPlugins } from './support/cnitool.ts';
import { left } from './support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from './support/machine.ts';

const CONF = join(import.meta.dir, '../../conf');

interface NetworkFile {
  name: string;
  cniVersion: string;
  plugins?: { type: string }[];
}

function withCnitool(name: string, body: (artifact: Artifact) => void): void {
  for (const artifact of artifacts) {
    describeUnless(whyNoGoModule('cni'), `cnitool: ${name}: ${artifact.name}`, () => body(artifact));
  }
}

/** A machine with the plugins, and one file of conf/ as its network, changed by `change`. */
async function machineWith(artifact: Artifact, file: string, change: (network: NetworkFile) => void = () => {}) {
  const machine = await createMachine({ outside: true });
  installPlugins(machine, { ...ourPlugins(artifact), ...referencePlugins('portmap') });
  const network = JSON.parse(readFileSync(join(CONF, file), 'utf8')) as NetworkFile;
  change(network);
  machine.write(`/etc/cni/net.d/${file}`, network);
  return { machine, name: network.name, tool: cnitool(machine, artifact) };
}

withCnitool('each file of conf/', (artifact) => {
  test.each(readdirSync(CONF))('%s: add, check, check of what is broken, del, del again', async (file) => {
    const { machine, name, tool } = await machineWith(artifact, file);
    using _ = machine;
    const web = machine.addNetns('web');
    const before = left(machine);
    const result = tool.add(name, 'web');
    expect(result.cniVersion).toBe('1.0.0');
    expect((result.ips ?? []).map(({ address }) => address)).toEqual(cidrs(web, 'eth0'));
    tool.check(name, 'web');
    exec(web, ['ip', 'link', 'set', 'eth0', 'down']);
    expect(tool.attempt('check', name, 'web')).toMatchObject({ status: 1, stderr: expect.stringContaining('eth0') });
    tool.del(name, 'web');
    expect(left(machine)).toEqual(before);
    expect(link(web, 'eth0')).toBeUndefined();
    tool.del(name, 'web');
    expect(left(machine)).toEqual(before);
  });

  test.each(readdirSync(CONF))('%s at cniVersion 1.1.0: status, and gc', async (file) => {
    const { machine, name, tool } = await machineWith(artifact, file, oursAlone);
    using _ = machine;
    for (const netns of ['web', 'db']) machine.addNetns(netns);
    const before = left(machine);
    tool.status(name, 'web');
    expect(tool.add(name, 'web').cniVersion).toBe('1.1.0');
    tool.add(name, 'db');
    for (const netns of ['web', 'db']) tool.check(name, netns);
    loseUnnoticed(machine, 'db');
    expect(left(machine)).not.toEqual(before);
    // cnitool has no list of valid attachments: it deletes all that it added, then asks for GC without a list.
    eventually(() => {
      tool.gc(name, 'web');
      expect(left(machine)).toEqual(before);
    });
    tool.status(name, 'web');
  });
});

withCnitool('10-trestle.conflist', (artifact) => {
  test('a published port', async () => {
    const { machine, name, tool } = await machineWith(artifact, '10-trestle.conflist');
    using _ = machine;
    const web = machine.addNetns('web');
    const capabilities = { portMappings: [{ hostPort: 8080, containerPort: 7777, protocol: 'tcp' }] };
    tool.add(name, 'web', { capabilities });
    using server = await sourceServer(web);
    expect(server.port).toBe(7777);
    const published = { address: NODE_ADDRESS[4], port: 8080 };
    expect(seenFrom(machine.node.outside, published)).toBe(OUTSIDE_ADDRESS[4]);
    tool.del(name, 'web', { capabilities });
    expect(seenFrom(machine.node.outside, published, 0.5)).toBeUndefined();
  });
});

withCnitool('trestle-bridge.conf', (artifact) => {
  test('a second interface, a requested address, and an error as its user sees it', async () => {
    const { machine, name, tool } = await machineWith(artifact, 'trestle-bridge.conf');
    using _ = machine;
    const [web, db] = [machine.addNetns('web'), machine.addNetns('db')];
    tool.add(name, 'web', { args: 'IP=10.88.7.7' });
    expect(cidrs(web, 'eth0')).toEqual(['10.88.7.7/16', 'fd00:10:88::2/64']);
    const refused = tool.attempt('add', name, 'db', { args: 'IP=10.88.7.7' });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('10.88.7.7');
    expect(links(db).map(({ ifname }) => ifname)).toEqual(['lo']);
    tool.add(name, 'db', { ifName: 'net1' });
    expect(addresses(db, 'net1').map(({ cidr }) => cidr)).toEqual(['10.88.7.8/16', 'fd00:10:88::3/64']);
    expect(ping(db, '10.88.7.7')).toBe(true);
    tool.check(name, 'db', { ifName: 'net1' });
    tool.del(name, 'db', { ifName: 'net1' });
    tool.del(name, 'web');
  });
});

/** The newest version, and ours alone, since Debian's portmap does not know it. */
function oursAlone(network: NetworkFile): void {
  network.cniVersion = '1.1.0';
  if (network.plugins) network.plugins = network.plugins.filter(({ type }) => type === 'trestle');
}

/** The namespace goes, and so does what cnitool noted of it: nobody but the plugin knows of the attachment now. */
function loseUnnoticed(machine: Machine, netns: string): void {
  machine.run(['ip', 'netns', 'delete', netns]);
  machine.run(['sh', '-c', 'grep -l "/run/netns/$1" /var/lib/cni/results/* | xargs rm', 'sh', netns]);
}
