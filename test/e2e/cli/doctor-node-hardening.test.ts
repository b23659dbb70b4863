/** `trestle doctor` where the kernel, a filter of system calls, or missing programs hinder the plugin. */

import { expect, test } from 'bun:test';
import { join } from 'node:path';
import type { Artifact } from '../../support/artifacts.ts';
import { doctorPlace, type Examined, examine } from '../../support/doctor.ts';
import { exec, tryExec } from '../../support/netns.ts';
import type { ScratchNode } from '../../support/node.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { e2eOnNodes } from '../support/network.ts';
import { healthyNode } from './support/healthy-node.ts';

const SUPPORT = join(import.meta.dir, '../../support');
/** System calls by number (asm/unistd.h), and what is denied with. */
const SETNS = process.arch === 'arm64' ? 268 : 308;
const FSOPEN = 430;
const EPERM = 1;

const doctor = (node: ScratchNode, artifact: Artifact) => [artifact.path, 'doctor', '--json', ...doctorPlace(node)];
const environment = ({ searchPath }: Artifact) => ({ env: { PATH: `${searchPath}:${SYSTEM_PATH}` } });

/** What doctor says where one system call is denied. */
function denied(node: ScratchNode, artifact: Artifact, number: number): string[] {
  return [process.execPath, join(SUPPORT, 'deny-call.ts'), String(number), String(EPERM), ...doctor(node, artifact)];
}

function examined(node: ScratchNode, artifact: Artifact, argv: readonly string[]): Examined {
  return JSON.parse(tryExec(node.ns, argv, environment(artifact)).stdout) as Examined;
}

/** What it says behind these commands, in a mount namespace of its own. */
function inMounts(node: ScratchNode, artifact: Artifact, commands: string, argv: readonly string[]): Examined {
  const script = `${commands} && { "$@" || true; }`;
  const said = exec(node.ns, ['unshare', '--mount', 'sh', '-c', script, 'sh', ...argv], environment(artifact));
  return JSON.parse(said) as Examined;
}

e2eOnNodes('trestle doctor, what hinders the plugin', (artifact) => {
  test('namespace-entry-refused: a filter of system calls', () => {
    using node = healthyNode(artifact);
    const [finding] = examined(node, artifact, denied(node, artifact, SETNS)).findings;
    expect(finding).toMatchObject({ code: 'namespace-entry-refused', evidence: expect.stringContaining('Seccomp 2') });
    expect(examine(node, artifact).findings).toEqual([]);
  });

  test('proc-sys-read-only: no other mount of proc is allowed either', () => {
    using node = healthyNode(artifact);
    const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys';
    expect(inMounts(node, artifact, readOnly, doctor(node, artifact)).findings).toEqual([]);
    const { findings } = inMounts(node, artifact, readOnly, denied(node, artifact, FSOPEN));
    expect(findings).toMatchObject([{ code: 'proc-sys-read-only', fix: 'mount -o remount,bind,rw /proc/sys' }]);
    const mended = inMounts(node, artifact, `${readOnly} && ${findings[0]?.fix}`, denied(node, artifact, FSOPEN));
    expect(mended.findings).toEqual([]);
  });

  test('masquerade-impossible: nftables asked for, and none in the kernel', () => {
    using node = healthyNode(artifact, { ipMasqBackend: 'nftables' });
    const argv = [process.execPath, join(SUPPORT, 'deny-netfilter.ts'), ...doctor(node, artifact)];
    expect(examined(node, artifact, argv).findings).toMatchObject([
      { code: 'masquerade-impossible', fix: 'modprobe -a nf_tables nft_chain_nat nft_masq' },
    ]);
    expect(examine(node, artifact).findings).toEqual([]);
  });

  test('masquerade-impossible: iptables asked for, and not installed', () => {
    using node = healthyNode(artifact, { ipMasqBackend: 'iptables' });
    const hidden = ['xtables-nft-multi', 'xtables-legacy-multi'].map(
      (name) => `mount --bind /dev/null /usr/sbin/${name}`,
    );
    const { findings } = inMounts(node, artifact, hidden.join(' && '), doctor(node, artifact));
    expect(findings.map(({ code }) => code)).toEqual(['masquerade-impossible']);
    expect(findings.find(({ code }) => code === 'masquerade-impossible')?.fix).toContain('install -y iptables');
    expect(examine(node, artifact).findings).toEqual([]);
  });

  test('guard-impossible: no nf_tables in the kernel', () => {
    using node = healthyNode(artifact, { macspoofchk: true, ipMasq: false });
    const argv = [process.execPath, join(SUPPORT, 'deny-netfilter.ts'), ...doctor(node, artifact)];
    expect(examined(node, artifact, argv).findings).toMatchObject([
      { code: 'guard-impossible', fix: 'modprobe nf_tables' },
    ]);
    expect(examine(node, artifact).findings).toEqual([]);
  });
});
