/** `trestle watch`: what other programs take away is back within two seconds, told once, and counted. */

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import type { Artifact } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { exec } from '../../support/netns.ts';
import { type Container, createNode, type ScratchNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { patient } from '../../support/patience.ts';
import { runtime } from '../../support/runtime.ts';
import { ping } from '../../support/traffic.ts';
import { installDockerRules } from '../support/docker.ts';
import { e2eOnNodes, loseNamespace, network, stopForwarding } from '../support/network.ts';
import { until, watching } from '../support/watching.ts';

interface Place extends Disposable {
  readonly node: ScratchNode;
  readonly containers: readonly [Container, Container];
}

const MOST_MS = patient(2_000);

/** A node with an uplink and two containers, whose packets are masqueraded. */
function placeFor(artifact: Artifact): Place {
  const node = createNode({ outside: true });
  stopForwarding(node.ns);
  const containers = [node.container(), node.container()] as const;
  const config = network(node);
  node.writeConf('10-pods.conflist', { cniVersion: '1.1.0', name: 'pods', plugins: [config] });
  const pods = runtime(node, artifact, config);
  for (const one of containers) succeeded(pods.add(one));
  return { node, containers, [Symbol.dispose]: () => node.delete() };
}

const isWhole = (node: ScratchNode, artifact: Artifact) =>
  operate(node, artifact, ['reconcile', '--dry-run', '--json', ...placeOf(node)]).status === 0;
const outside = '203.0.113.1';

/** What firewalld does when it reloads: its table goes and comes, and iptables and nftables are flushed with FlushAllOnReload. */
const RELOAD = `nft flush ruleset
nft add table inet firewalld
nft 'add chain inet firewalld filter_FORWARD { type filter hook forward priority 10 ; policy accept ; }'`;

const HEALINGS: readonly (readonly [name: string, act: (node: ScratchNode) => void])[] = [
  ['nft flush ruleset', ({ ns }) => exec(ns, ['nft', 'flush', 'ruleset'])],
  ["a firewall's reload", ({ ns }) => exec(ns, ['sh', '-ec', RELOAD])],
  ["Docker's chains", ({ ns }) => installDockerRules(ns, 'nft')],
  ["Docker's chains in the older tables", ({ ns }) => installDockerRules(ns, 'legacy')],
  ['ip link delete cni0', ({ ns }) => exec(ns, ['ip', 'link', 'delete', 'cni0'])],
  ['ip_forward=0', ({ ns }) => exec(ns, ['sysctl', '-qw', 'net.ipv4.ip_forward=0'])],
];

e2eOnNodes('trestle watch', (artifact) => {
  describe('heals within two seconds', () => {
    test.each(HEALINGS)('%s', async (_, act) => {
      using place = placeFor(artifact);
      const { node, containers } = place;
      await using watch = await watching(node, artifact);
      expect(ping(containers[0].ns, outside)).toBe(true);
      await Bun.sleep(patient(1_500));
      expect(watch.lines).toEqual([]);
      act(node);
      const ms = await until(() => ping(containers[0].ns, outside, { timeout: 1 }) && isWhole(node, artifact));
      expect(ms).toBeLessThan(MOST_MS);
      for (const { ns } of containers) expect(ping(ns, outside)).toBe(true);
      expect(watch.lines.map(({ event }) => event)).toContain('restored');
      // Its own changes make it look once more, and change nothing.
      const said = watch.lines.length;
      await Bun.sleep(patient(1_500));
      expect(watch.lines.length).toBe(said);
    });
  });

  test('tells what it cannot mend once, tries again after longer and longer, and tells when it is healed', async () => {
    using place = placeFor(artifact);
    const { node } = place;
    await using watch = await watching(node, artifact);
    exec(node.ns, [
      'sh',
      '-ec',
      `nft add table inet strict
      nft 'add chain inet strict forward { type filter hook forward priority 0 ; policy drop ; }'`,
    ]);
    await until(() => watch.lines.length > 0);
    for (let at = 0; at < 10; at++) {
      exec(node.ns, ['nft', 'add', 'chain', 'inet', 'strict', `other${at}`]);
      await Bun.sleep(patient(300));
    }
    expect(watch.lines.filter(({ event }) => event === 'failed')).toMatchObject([
      {
        level: 'warn',
        message: expect.stringContaining('is dropped by the chain forward of the nftables table inet strict'),
      },
    ]);
    const failures = Number(/^trestle_failures_total (\d+)$/m.exec(metricsOf(node))?.[1]);
    expect(failures).toBeGreaterThan(0);
    expect(failures).toBeLessThan(5);
    expect(metricsOf(node)).toContain('\ntrestle_findings_open 1\n');
    exec(node.ns, ['nft', 'delete', 'table', 'inet', 'strict']);
    await until(() => watch.lines.some(({ event }) => event === 'healed'));
    await until(() => metricsOf(node).includes('\ntrestle_findings_open 0\n'));
    expect(await watch.stop()).toBe('SIGTERM');
  });

  test('removes what stays dead, and counts what it did', async () => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    await using watch = await watching(node, artifact, ['--interval', '1']);
    const first = valid(metricsOf(node));
    const where = `network="pods",data_dir="${node.dataDir}"`;
    expect(first.get(`trestle_leases_used{${where}}`)).toBe(4);
    expect(first.get(`trestle_addresses_free{${where},range_set="0"}`)).toBe(251);
    expect(first.get(`trestle_attachments{${where},state="alive"}`)).toBe(2);
    expect(first.get('trestle_reclaims_total')).toBe(0);
    loseNamespace(node, containers[1]);
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    await until(() => watch.lines.some(({ event }) => event === 'reclaimed'), patient(15_000));
    await until(() => metricsOf(node).includes('trestle_reclaims_total 1\n'));
    const then = valid(metricsOf(node));
    expect(then.get('trestle_repairs_total{kind="masquerade"}')).toBe(1);
    expect(then.get(`trestle_attachments{${where},state="alive"}`)).toBe(1);
    expect(then.get(`trestle_addresses_free{${where},range_set="0"}`)).toBe(252);
    expect(then.get('trestle_last_look_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000 - 60);
  });

  test('mends with the capabilities that the systemd unit leaves it', () => {
    using place = placeFor(artifact);
    const { node, containers } = place;
    const unit = readFileSync(`${import.meta.dir}/../../../deploy/systemd/trestle-watch.service`, 'utf8');
    const names = /^CapabilityBoundingSet=(.+)$/m.exec(unit)?.[1]?.toLowerCase().split(' ') ?? [];
    const set = ['-all', ...names.map((name) => `+${name.replace('cap_', '')}`)].join(',');
    exec(node.ns, ['sh', '-ec', 'nft flush ruleset; ip link delete cni0; sysctl -qw net.ipv4.ip_forward=0']);
    exec(containers[0].ns, ['ip', 'link', 'set', 'eth0', 'down']);
    const argv = ['watch', '--once', ...placeOf(node)];
    exec(node.ns, ['setpriv', '--no-new-privs', `--bounding-set=${set}`, artifact.path, ...argv]);
    expect(isWhole(node, artifact)).toBe(true);
    expect(ping(containers[0].ns, outside)).toBe(true);
  });

  test('--once takes one look, and its status says whether all is whole', () => {
    using place = placeFor(artifact);
    const { node } = place;
    exec(node.ns, ['nft', 'flush', 'ruleset']);
    const once = operate(node, artifact, ['watch', '--once', ...placeOf(node)]);
    expect(once).toMatchObject({ status: 0, stderr: expect.stringContaining('trestle: info: restored: pods ') });
    expect(isWhole(node, artifact)).toBe(true);
    expect(operate(node, artifact, ['watch', '--once', '--metrics', 'x.txt', ...placeOf(node)]).status).toBe(2);
    expect(operate(node, artifact, ['watch', '--interval', '0', ...placeOf(node)]).status).toBe(2);
    expect(jsonOf(operate(node, artifact, ['gc', '--json', ...placeOf(node)]))).toMatchObject({ garbage: [] });
  });
});

const metricsOf = (node: ScratchNode) => readFileSync(`${node.directory}/watch.prom`, 'utf8');

/** The samples of a text in Prometheus' format. @throws Error where a line is none, a family has no HELP and TYPE, or comes twice */
function valid(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  let family = '';
  let type = '';
  const families = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line is not ended');
  for (const line of text.trimEnd().split('\n')) {
    const [, helped] = /^# HELP ([a-z_:][a-z0-9_:]*) \S.*\.$/.exec(line) ?? [];
    const [, typed, kind = ''] = /^# TYPE (\S+) (counter|gauge|summary)$/.exec(line) ?? [];
    if (helped !== undefined) {
      if (families.has(helped)) throw new Error(`${helped} comes twice`);
      families.add(helped);
      [family, type] = [helped, ''];
    } else if (typed !== undefined) {
      if (typed !== family) throw new Error(`${line} stands behind ${family}`);
      type = kind;
    } else {
      const [, name = '', labels = '', value] =
        /^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (\S+)$/.exec(line) ?? [];
      const names = type === 'summary' ? [`${family}_sum`, `${family}_count`] : type === '' ? [] : [family];
      if (!names.includes(name) || !Number.isFinite(Number(value))) throw new Error(`no sample of ${family}: ${line}`);
      if (type === 'counter' && !name.endsWith('_total')) throw new Error(`${name} is a counter`);
      if (samples.has(name + labels)) throw new Error(`${line} comes twice`);
      samples.set(name + labels, Number(value));
    }
  }
  return samples;
}
