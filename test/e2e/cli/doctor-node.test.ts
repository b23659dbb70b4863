/** `trestle doctor` and the node: each planted fault is found, alone, and its command line mends it. */

import { expect, test } from 'bun:test';
import { chmodSync, rmSync, statSync } from 'node:fs';
import type { Artifact } from '../../support/artifacts.ts';
import { doctorPlace, type Examined, examine, type Finding, mend } from '../../support/doctor.ts';
import { hasFeature } from '../../support/feature.ts';
import { exec, tryExec } from '../../support/netns.ts';
import { createNode, type ScratchNode } from '../../support/node.ts';
import { operate } from '../../support/operator.ts';
import { testUnless } from '../../support/privilege.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { e2eOnNodes } from '../support/network.ts';
import { healthyNode } from './support/healthy-node.ts';
import { conf, FAULTS, nft, reconcileText, sysctl, write } from './support/node-faults.ts';

e2eOnNodes('trestle doctor, the node', (artifact) => {
  test('has no finding on a healthy node, and one line a section', () => {
    using node = healthyNode(artifact);
    expect(examine(node, artifact)).toEqual({ healthy: true, findings: [] });
    const { stdout, status } = operate(node, artifact, ['doctor', ...doctorPlace(node)]);
    expect(
      stdout
        .split('\n')
        .slice(0, -1)
        .every((line) => line.startsWith('ok  ')),
    ).toBe(true);
    expect(status).toBe(0);
  });

  for (const fault of FAULTS) {
    const isHere = fault.lacking === undefined || !hasFeature(fault.lacking);
    testUnless(isHere ? undefined : `this kernel has ${fault.lacking}`, `${fault.code}: ${fault.name}`, () => {
      using node = healthyNode(artifact, fault.config);
      expect(examine(node, artifact).findings).toEqual([]);
      fault.plant(node, artifact);
      const { findings } = examine(node, artifact);
      expect(findings.map(({ code }) => code)).toEqual([fault.code]);
      const [finding] = findings as [Finding];
      if (fault.fix !== undefined) expect(finding.fix).toBe(fault.fix(node));
      if (fault.mendByHand === undefined) mend(node, finding);
      else fault.mendByHand(node);
      expect(examine(node, artifact).findings).toEqual([]);
    });
  }

  test('--fix runs what is safe, shows it, and exits by what is left', () => {
    using node = healthyNode(artifact);
    sysctl(node, 'net.ipv4.ip_forward=0');
    chmodSync(node.dataDir, 0o777);
    write(node, '05-broken.conf', '{');
    const said = operate(node, artifact, ['doctor', '--fix', ...doctorPlace(node)]);
    expect(said.status).toBe(1);
    expect(said.stdout).toContain('sysctl -w net.ipv4.ip_forward=1\n  done');
    expect(said.stdout).toContain(`chmod o-w ${node.dataDir}\n  done`);
    expect(statSync(node.dataDir).mode & 0o777).toBe(0o775);
    expect(examine(node, artifact).findings.map(({ code }) => code)).toEqual(['configuration-broken']);
    rmSync(conf(node, '05-broken.conf'));
    sysctl(node, 'net.ipv4.ip_forward=0');
    const fixed = examine(node, artifact, ['--fix']) as { fixed?: unknown } & ReturnType<typeof examine>;
    expect(fixed).toMatchObject({ healthy: true, findings: [], fixed: [{ code: 'forwarding-off', succeeded: true }] });
  });

  test('--fix puts back what another program has flushed', () => {
    using node = healthyNode(artifact, { macspoofchk: true });
    nft(node, 'flush ruleset');
    const fixed = examine(node, artifact, ['--fix']) as Examined & { readonly fixed: readonly Finding[] };
    expect(fixed).toMatchObject({ healthy: true, findings: [] });
    // One command line mends both, and runs once.
    expect(fixed.fixed).toMatchObject([{ code: 'masquerade-lost', fix: reconcileText(node), succeeded: true }]);
  });

  test('a command line that fails is told, and the finding stays', () => {
    using node = healthyNode(artifact);
    sysctl(node, 'net.ipv4.ip_forward=0');
    const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys';
    const fixed = inMounts(node, artifact, `${readOnly} && { ${doctorLine(node, artifact)} --fix || true; }`);
    expect(fixed.findings).toMatchObject([{ code: 'forwarding-off' }]);
    expect(fixed).toMatchObject({ fixed: [{ succeeded: false, said: expect.stringContaining('ip_forward') }] });
  });

  test('an empty node has no finding', () => {
    using node = createNode();
    expect(examine(node, artifact).findings).toEqual([]);
  });

  test('trestle config check, which findings advise, names the flaw', () => {
    using node = healthyNode(artifact);
    const file = conf(node, '05-broken.conf');
    write(node, '05-broken.conf', '{"name": "x",}');
    const [finding] = examine(node, artifact).findings;
    expect(finding?.fix).toBe(`trestle config check ${file}`);
    const said = operate(node, artifact, (finding as Finding).fix.split(' ').slice(1));
    expect(said).toMatchObject({ status: 1 });
    expect(said.stdout + said.stderr).toContain(`${file}:1:14: error: it is not JSON`);
  });

  test('--section examines one alone, and knows the others', () => {
    using node = healthyNode(artifact);
    sysctl(node, 'net.ipv4.ip_forward=0');
    expect(examine(node, artifact, ['--section', 'tables']).findings).toEqual([]);
    expect(examine(node, artifact, ['--section', 'tables', '--section', 'forwarding']).findings).toHaveLength(1);
    const { status, stderr } = operate(node, artifact, ['doctor', '--section', 'forwardings', ...doctorPlace(node)]);
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('packet-filters') });
  });

  test('without root there is one finding', () => {
    using node = healthyNode(artifact);
    const said = restricted(node, artifact, ['--reuid=65534', '--clear-groups']);
    expect(said.findings).toMatchObject([{ code: 'not-root', level: 'error', fix: 'sudo trestle doctor' }]);
  });

  test('without a capability there is one finding, and no others that come of it', () => {
    using node = healthyNode(artifact);
    const without = (name: string) => restricted(node, artifact, [`--bounding-set=-${name}`, `--inh-caps=-${name}`]);
    expect(without('sys_ptrace').findings).toMatchObject([{ code: 'capability-missing', level: 'warning' }]);
    expect(without('net_admin').findings).toMatchObject([
      { code: 'capability-missing', level: 'error', what: expect.stringContaining('CAP_NET_ADMIN') },
    ]);
  });

  test('a data directory on a read-only or a full file system', () => {
    using node = healthyNode(artifact);
    const doctor = `${doctorLine(node, artifact)} --section permissions`;
    const tmpfs = `mount -t tmpfs -o size=256k,mode=755 none ${node.dataDir}`;
    const say = (...commands: string[]) =>
      inMounts(node, artifact, [tmpfs, ...commands, `${doctor} || true`].join(' && '));
    expect(say('true').findings).toEqual([]);
    expect(say(`mount -o remount,ro ${node.dataDir}`).findings).toMatchObject([
      {
        code: 'data-directory-read-only',
        fix: `mount -o remount,rw "$(findmnt -n -o TARGET --target ${node.dataDir})"`,
      },
    ]);
    const [readOnly] = say(`mount -o remount,ro ${node.dataDir}`).findings as [Finding];
    expect(say(`mount -o remount,ro ${node.dataDir}`, readOnly.fix).findings).toEqual([]);
    const fill = `head -c 250000 /dev/zero >${node.dataDir}/big`;
    expect(say(fill).findings).toMatchObject([{ code: 'data-directory-full' }]);
    expect(say(fill, `rm ${node.dataDir}/big`).findings).toEqual([]);
  });
});

/** What doctor says where setpriv restricts it. */
function restricted(node: ScratchNode, artifact: Artifact, options: readonly string[]): Examined {
  const path = `${artifact.searchPath}:${SYSTEM_PATH}`;
  const argv = ['setpriv', ...options, artifact.path, 'doctor', '--json', ...doctorPlace(node)];
  return JSON.parse(tryExec(node.ns, argv, { env: { PATH: path } }).stdout) as Examined;
}

function doctorLine(node: ScratchNode, artifact: Artifact): string {
  return [artifact.path, 'doctor', '--json', ...doctorPlace(node)].join(' ');
}

/** What a script says that runs in a mount namespace of its own, on the node. */
function inMounts(node: ScratchNode, artifact: Artifact, script: string): Examined {
  const env = { PATH: `${artifact.searchPath}:${SYSTEM_PATH}` };
  return JSON.parse(exec(node.ns, ['unshare', '--mount', 'sh', '-c', script], { env })) as Examined;
}
