/** `trestle install` and `trestle uninstall`, in directories of the test alone. */

import { describe, expect, test } from 'bun:test';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { artifacts, executable } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { links } from '../../support/kernel.ts';
import { exec } from '../../support/netns.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { jsonOf, operate } from '../../support/operator.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { runtime } from '../../support/runtime.ts';
import { loseNamespace } from '../support/network.ts';

type Config = Record<string, unknown>;

interface Installed {
  readonly steps: readonly { readonly action: string; readonly subject: string; readonly note?: string }[];
  readonly checks: readonly { readonly check: string; readonly result: string; readonly text: string }[];
}

/** Every path that the two commands write to, below the node's directory. */
function place(node: ScratchNode) {
  const root = node.directory;
  const manifest = join(root, 'state/install.json');
  const binDir = join(root, 'bin');
  const shared = ['--conf-dir', node.confDir, '--manifest', manifest];
  const own = ['--bin-dir', binDir, '--unit-dir', join(root, 'units')];
  const wanted = ['--lease-dir', node.dataDir];
  return {
    binDir,
    manifest,
    conf: join(node.confDir, '10-trestle.conflist'),
    install: (...flags: string[]) => operate(node, executable, ['install', ...shared, ...own, ...flags]),
    first: (...flags: string[]) => operate(node, executable, ['install', ...shared, ...own, ...wanted, ...flags]),
    uninstall: (...flags: string[]) =>
      operate(node, executable, ['uninstall', ...shared, '--data-dir', node.dataDir, ...flags]),
  };
}

/** The installed network, run by the installed executable. */
function installed(node: ScratchNode, binDir: string, conf: string, extra: Config = {}) {
  const { name, plugins } = JSON.parse(readFileSync(conf, 'utf8')) as { name: string; plugins: Config[] };
  const artifact = { ...executable, path: join(binDir, 'trestle') };
  return runtime(node, artifact, { ...plugins[0], name, cniVersion: '1.0.0', ...extra });
}

/** Without the leases' directory, which the plugin makes at the first STATUS. */
const written = (node: ScratchNode) => tree(node.directory).filter((path) => !path.startsWith('networks'));
const tree = (directory: string) => readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();

describeOnKernel('trestle install', () => {
  test('refuses where Node runs the bundle', () => {
    using node = createNode();
    const bundle = artifacts.find(({ path }) => path.endsWith('.cjs'));
    if (bundle === undefined) return;
    const said = operate(node, bundle, [
      'install',
      '--bin-dir',
      join(node.directory, 'bin'),
      '--conf-dir',
      node.confDir,
    ]);
    expect(said).toMatchObject({ status: 2, stderr: expect.stringContaining('which Node runs') });
    expect(tree(node.directory)).toEqual([]);
  });

  test('--dry-run says everything and does nothing; the next call does that', () => {
    using node = createNode();
    const at = place(node);
    const planned = jsonOf<Installed>(at.first('--systemd', '--dry-run', '--json'));
    expect(tree(node.directory)).toEqual([]);
    const done = jsonOf<Installed>(at.first('--systemd', '--json'));
    expect(done.steps).toEqual(planned.steps);
    expect(written(node)).toEqual([
      ...['bin', 'bin/trestle', 'bin/trestle-ipam', 'net.d', 'net.d/10-trestle.conflist', 'state'],
      ...['state/install.json', 'units', 'units/trestle-watch.service'],
    ]);
    expect(readlinkSync(join(at.binDir, 'trestle-ipam'))).toBe('trestle');
    expect(readFileSync(join(at.binDir, 'trestle')).equals(readFileSync(executable.path))).toBe(true);
    expect(readFileSync(join(node.directory, 'units/trestle-watch.service'), 'utf8')).toContain(
      `ExecStart=${at.binDir}/trestle watch`,
    );
    const results = Object.fromEntries(done.checks.map(({ check, result }) => [check, result]));
    expect(results).toEqual({ version: 'ok', status: 'ok', configuration: 'ok', loopback: 'warning' });
  });

  test('what it installs attaches containers, and uninstall leaves no file', () => {
    using node = createNode();
    const at = place(node);
    expect(at.first('--systemd').status).toBe(0);
    const pods = installed(node, at.binDir, at.conf);
    const container = node.container();
    succeeded(pods.add(container));
    expect(at.uninstall('--dry-run').stdout).toContain('1 container is still attached');
    succeeded(pods.del(container));
    expect(at.uninstall()).toMatchObject({ status: 0, stderr: '' });
    expect(written(node)).toEqual([]);
    expect(at.uninstall()).toMatchObject({ status: 2, stderr: expect.stringContaining('there is no manifest') });
  });

  test('a second call finds all up to date, and keeps the configuration', () => {
    using node = createNode();
    const at = place(node);
    at.first();
    const before = lstatSync(join(at.binDir, 'trestle')).ino;
    writeFileSync(at.conf, readFileSync(at.conf, 'utf8').replace('"hairpinMode": true', '"hairpinMode": false'));
    const { steps } = jsonOf<Installed>(at.install('--json'));
    expect(steps.map(({ action }) => action)).toEqual(['keep', 'keep', 'keep', 'note']);
    expect(lstatSync(join(at.binDir, 'trestle')).ino).toBe(before);
    expect(readFileSync(at.conf, 'utf8')).toContain('"hairpinMode": false');
    const refused = at.install('--subnet', '10.3.0.0/24');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining(`${at.conf} is there`) });
    expect(at.uninstall().stdout).toContain(`${at.conf}  (it was changed since)`);
    expect(existsSync(at.conf)).toBe(true);
  });

  test('a configuration of its own is written anew for other flags', () => {
    using node = createNode();
    const at = place(node);
    at.first();
    expect(at.first('--subnet', '10.3.0.0/24', '--network', 'web').status).toBe(0);
    expect(JSON.parse(readFileSync(at.conf, 'utf8'))).toMatchObject({ name: 'web' });
  });

  test('files of others stay; with --force they are kept, and uninstall puts them back', () => {
    using node = createNode();
    const at = place(node);
    mkdirSync(at.binDir);
    for (const name of ['bridge', 'host-local', 'trestle-ipam'])
      writeFileSync(join(at.binDir, name), `the ${name} of others`);
    const refused = at.first('--reference-names');
    expect(refused.status).toBe(1);
    for (const name of ['bridge', 'host-local', 'trestle-ipam'])
      expect(refused.stderr).toContain(join(at.binDir, name));
    expect(tree(node.directory)).toEqual(['bin', 'bin/bridge', 'bin/host-local', 'bin/trestle-ipam']);
    expect(at.first('--reference-names', '--force')).toMatchObject({ status: 0, stderr: '' });
    expect(readlinkSync(join(at.binDir, 'bridge'))).toBe('trestle');
    expect(at.install('--force').stdout).not.toContain('back up');
    expect(at.uninstall()).toMatchObject({ status: 0, stderr: '' });
    expect(written(node)).toEqual(['bin', 'bin/bridge', 'bin/host-local', 'bin/trestle-ipam']);
    expect(readFileSync(join(at.binDir, 'bridge'), 'utf8')).toBe('the bridge of others');
  });

  test('says which configuration a runtime takes, and what is missing', () => {
    using node = createNode();
    const at = place(node);
    node.writeConf('05-other.conflist', { cniVersion: '1.0.0', name: 'other', plugins: [{ type: 'ptp' }] });
    const { checks } = jsonOf<Installed>(at.first('--host-ports', '--json'), 1);
    expect(checks.find(({ check }) => check === 'configuration')).toMatchObject({
      result: 'warning',
      text: expect.stringContaining('05-other.conflist'),
    });
    expect(checks.find(({ check }) => check === 'plugins')?.text).toContain('needs portmap');
  });

  test('what a killed call was writing is removed by the next one', () => {
    using node = createNode();
    const at = place(node);
    at.first();
    const ended = Bun.spawnSync(['true']).pid;
    const [left, written] = [ended, process.pid].map((pid) => join(at.binDir, `.trestle.${pid}`)) as [string, string];
    for (const path of [left, written]) writeFileSync(path, 'half of it');
    expect(at.install().stdout).toContain(left);
    expect([left, written].map(existsSync)).toEqual([false, true]);
  });

  test('no ADD fails while the executable is replaced over and over', async () => {
    using node = createNode();
    const at = place(node);
    at.first();
    const pods = installed(node, at.binDir, at.conf);
    // A file of the same program with other bytes, as an older version has.
    const older = Buffer.concat([readFileSync(executable.path), Buffer.from('\n')]);
    let isUpgrading = true;
    const upgrades = (async () => {
      let count = 0;
      for (; isUpgrading; count++) {
        writeFileSync(join(at.binDir, 'older'), older, { mode: 0o755 });
        await Bun.spawn(['mv', join(at.binDir, 'older'), join(at.binDir, 'trestle')]).exited;
        await Bun.spawn(
          [
            'nsenter',
            `--net=${node.ns.path}`,
            executable.path,
            'install',
            '--bin-dir',
            at.binDir,
            '--conf-dir',
            node.confDir,
            '--manifest',
            at.manifest,
          ],
          {
            stdout: 'ignore',
            env: { PATH: '/usr/bin' },
          },
        ).exited;
      }
      return count;
    })();
    for (let count = 0; count < 30; count++) {
      const container = node.container();
      succeeded(await pods.addAsync(container));
      succeeded(await pods.delAsync(container));
    }
    isUpgrading = false;
    expect(await upgrades).toBeGreaterThan(3);
    expect(readdirSync(at.binDir).sort()).toEqual(['trestle', 'trestle-ipam']);
    expect(readFileSync(join(at.binDir, 'trestle')).equals(readFileSync(executable.path))).toBe(true);
  });
});

describeOnKernel('trestle uninstall --purge', () => {
  test('refuses while a container lives, and names it', () => {
    using node = createNode();
    const at = place(node);
    at.first();
    const container = node.container();
    succeeded(
      installed(node, at.binDir, at.conf).add(container, { args: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' }),
    );
    const before = tree(node.directory);
    const refused = at.uninstall('--purge');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('pods shop/web-0 eth0: alive') });
    expect(tree(node.directory)).toEqual(before);
    rmSync(node.dataDir, { recursive: true });
    expect(at.uninstall('--purge')).toMatchObject({ status: 1, stderr: expect.stringContaining('no record') });
  });

  describe.each([
    ['dead', [] as string[]],
    ['alive, with --force', ['--force']],
  ])('with containers that are %s', (_, flags) => {
    test('leaves nothing of ours, and everything of others', () => {
      using node = createNode();
      const at = place(node);
      exec(node.ns, ['iptables-nft', '-P', 'FORWARD', 'DROP']);
      exec(node.ns, ['iptables-legacy', '-P', 'FORWARD', 'DROP']);
      exec(node.ns, ['iptables-nft', '-A', 'FORWARD', '-s', '192.0.2.0/24', '-j', 'ACCEPT']);
      at.first('--systemd');
      const [first, second] = [node.container(), node.container()];
      succeeded(installed(node, at.binDir, at.conf, { macspoofchk: true }).add(first));
      const iptables = installed(node, at.binDir, at.conf, {
        name: 'web',
        bridge: 'web0',
        ipMasqBackend: 'iptables',
        ipam: { type: 'trestle-ipam', dataDir: node.dataDir, subnet: '10.3.0.0/24' },
      });
      succeeded(iptables.add(second, { artifact: { ...executable, searchPath: '/usr/sbin:/sbin:/usr/bin:/bin' } }));
      exec(node.ns, ['ip', 'link', 'add', 'others0', 'type', 'bridge']);
      writeFileSync(join(node.dataDir, 'web/10.3.0.77'), 'another-container\r\neth0');
      if (flags.length === 0) for (const one of [first, second]) loseNamespace(node, one);
      const said = operatePurge(node, at.manifest, flags);
      expect(said).toMatchObject({ status: 0, stderr: '' });
      expect(links(node.ns).map(({ ifname }) => ifname)).toEqual(['lo', 'others0']);
      const rules = ['iptables-nft-save', 'ip6tables-nft-save', 'iptables-legacy-save', 'nft list ruleset'];
      for (const rule of rules) expect(exec(node.ns, rule.split(' ')).toLowerCase()).not.toContain('trestle');
      expect(exec(node.ns, ['iptables-nft-save'])).toContain('-A FORWARD -s 192.0.2.0/24 -j ACCEPT');
      const left = tree(node.directory).filter((path) => !lstatSync(join(node.directory, path)).isDirectory());
      expect(left).toEqual(['networks/web/10.3.0.77', 'networks/web/last_reserved_ip.0', 'networks/web/lock']);
    });
  });
});

describeOnKernel("trestle uninstall --purge, on another program's bridge", () => {
  test('keeps the bridge and turns off what was turned on, also without records', () => {
    using node = createNode();
    const at = place(node);
    exec(node.ns, ['ip', 'link', 'add', 'lan0', 'type', 'bridge']);
    exec(node.ns, ['ip', 'link', 'add', 'port0', 'master', 'lan0', 'type', 'veth', 'peer', 'name', 'port1']);
    at.first('--bridge', 'lan0');
    const container = node.container();
    const config = { hairpinMode: false, promiscMode: true };
    succeeded(installed(node, at.binDir, at.conf, config).add(container));
    const isPromiscuous = () => exec(node.ns, ['ip', '-d', 'link', 'show', 'lan0']).includes('PROMISC');
    expect(isPromiscuous()).toBe(true);
    rmSync(node.dataDir, { recursive: true });
    const said = operatePurge(node, at.manifest, ['--force']);
    expect(said).toMatchObject({ status: 0, stderr: '' });
    expect(said.stdout).toContain('reset           bridge lan0');
    expect(isPromiscuous()).toBe(false);
    expect(
      links(node.ns)
        .map(({ ifname }) => ifname)
        .sort(),
    ).toEqual(['lan0', 'lo', 'port0', 'port1']);
  });
});

/** With the programs of iptables. */
function operatePurge(node: ScratchNode, manifest: string, flags: readonly string[]) {
  const args = ['uninstall', '--purge', '--conf-dir', node.confDir, '--manifest', manifest, '--data-dir', node.dataDir];
  return operate(node, executable, [...args, ...flags], { env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' } });
}
