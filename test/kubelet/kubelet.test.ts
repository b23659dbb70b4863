/** kubelet without a cluster: a static pod on containerd 2, its container reached at its own address and through a hostPort. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ourPlugins } from '../interop/support/cnitool.ts';
import { CURRENT, startContainerd } from '../interop/support/containerd.ts';
import { fetchPage, GREETING, IMAGE } from '../interop/support/image.ts';
import { left } from '../interop/support/left.ts';
import { createMachine, installPlugins, type Machine, referencePlugins } from '../interop/support/machine.ts';
import { executable } from '../support/artifacts.ts';
import { goProgram, whyNoGoModule } from '../support/go-programs.ts';
import { cidrs } from '../support/kernel.ts';
import { NODE_ADDRESS } from '../support/node.ts';
import { describeUnless } from '../support/privilege.ts';
import { SYSTEM_PATH } from '../support/process.ts';

const CONFLIST = join(import.meta.dir, '../../conf/10-trestle.conflist');
const MANIFEST = '/etc/kubernetes/manifests/web.yaml';

describeUnless(CURRENT.obstacle ?? whyNoGoModule('kubernetes'), 'kubelet', () => {
  test('runs a static pod, and removes it', async () => {
    using machine = await createMachine({ outside: true });
    installPlugins(machine, { ...ourPlugins(executable), ...referencePlugins('loopback', 'portmap') });
    machine.write('/etc/cni/net.d/10-trestle.conflist', readFileSync(CONFLIST, 'utf8'));
    const containerd = await startContainerd(machine, CURRENT, executable);
    const before = left(machine);
    startKubelet(machine);
    machine.write(MANIFEST, MANIFEST_TEXT);

    const [id] = await until(
      'the pod runs',
      60,
      () => containerd.cri.list(),
      (ids) => ids.length === 1,
    );
    const { addresses, pid } = await containerd.cri.status(id as string);
    expect(addresses).toEqual(['10.244.0.2', 'fd00:10:244::2']);
    expect(cidrs(machine.netns(`/proc/${pid}/ns/net`), 'eth0')).toEqual(['10.244.0.2/24', 'fd00:10:244::2/64']);
    await until(
      'the container serves',
      30,
      () => page(machine),
      (text) => text === `${GREETING}\n`,
    );
    expect(fetchPage(machine.node.ns, '10.244.0.2:8080')).toBe(`${GREETING}\n`);

    machine.run(['rm', MANIFEST]);
    await until(
      'the pod is gone',
      60,
      async () => left(machine).links,
      (links) => links.length === before.links.length,
    );
    expect(left(machine)).toEqual(before);
    containerd.cri.close();
  }, 180_000);
});

/** From outside, through the hostPort. */
async function page(machine: Machine): Promise<string> {
  try {
    return fetchPage(machine.node.outside, `${NODE_ADDRESS[4]}:80`, 1);
  } catch {
    return '';
  }
}

async function until<T>(what: string, seconds: number, ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  for (const end = Date.now() + seconds * 1000; ; await Bun.sleep(200)) {
    const answer = await ask();
    if (is(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
  }
}

function startKubelet(machine: Machine): void {
  const config = machine.write('/etc/kubernetes/kubelet.yaml', kubeletConfig(machine.cgroup));
  // It looks for the file systems that it works on by their devices.
  machine.mountTmpfs('/var/lib/kubelet');
  const script = 'exec "$1" --config="$2" --hostname-override=node >/run/kubelet.log 2>&1';
  const argv = machine.entering(['sh', '-c', script, 'sh', goProgram('kubernetes', 'kubelet'), config]);
  Bun.spawn(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore', env: { PATH: SYSTEM_PATH } });
}

const kubeletConfig = (cgroup: string) => `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: /etc/kubernetes/manifests
fileCheckFrequency: 1s
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: ${cgroup}
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
resolvConf: ""
`;

const MANIFEST_TEXT = `apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: ${IMAGE}
      imagePullPolicy: Never
      command: [httpd, -f, -p, "8080", -h, /www]
      ports: [{ containerPort: 8080, hostPort: 80 }]
`;
