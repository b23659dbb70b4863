/**
 * The half of the scenario `pods` that needs the tests' machines and their containerd, and therefore Bun. It reads a Plan from a
 * file of JSON and prints the Samples as JSON. When its stdin ends, so does it, with all that it made.
 */

import { readFileSync } from 'node:fs';
import { type Containerd, DEBIAN, startContainerd } from '../test/interop/support/containerd.ts';
import { createMachine, installPlugins } from '../test/interop/support/machine.ts';
import { executable } from '../test/support/artifacts.ts';

interface Plan {
  readonly nodes: readonly NodePlan[];
  readonly crowds: readonly { readonly size: number; readonly rounds: number }[];
}

interface NodePlan {
  readonly label: string;
  /** Programs by their names in /opt/cni/bin. */
  readonly plugins: Readonly<Record<string, string>>;
  /** The network's configuration. */
  readonly config: object;
  /** Whether sandboxes have a network of their own. */
  readonly network: 'POD' | 'NODE';
}

interface Node extends NodePlan {
  readonly containerd: Containerd;
}

/** Milliseconds, from before a crowd's first call until its last has been answered. */
interface Crowd {
  readonly run: number;
  readonly remove: number;
}

/** By label, and by the size of the crowd. */
type Samples = Record<string, Record<number, { run: number[]; remove: number[] }>>;

/** A sandbox does nothing, as with Kubernetes' own image for it. */
const COMMAND = ['sleep', '1000000'];
/** The kernel is busy with the namespaces of those before for 100 ms or so, which is not for those after them to pay. */
const PAUSE_MS = 200;

process.stdin.on('end', () => process.exit(1)).resume();
try {
  const plan = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Plan;
  console.log(JSON.stringify(await measure(plan)));
  process.exit(0);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}

async function measure({ nodes: plans, crowds }: Plan): Promise<Samples> {
  const nodes: Node[] = [];
  try {
    for (const plan of plans) nodes.push(await openNode(plan));
    for (const node of nodes) await naming(node, verifyNetwork(node));
    return await runCrowds(nodes, crowds);
  } finally {
    for (const { containerd } of nodes) close(containerd);
  }
}

async function openNode(plan: NodePlan): Promise<Node> {
  const machine = await createMachine();
  try {
    installPlugins(machine, plan.plugins);
    machine.write('/etc/cni/net.d/10-bench.conf', plan.config);
    const options = { namespaces: ['k8s.io'], command: COMMAND };
    return { ...plan, containerd: await startContainerd(machine, DEBIAN, executable, options) };
  } catch (error) {
    machine.delete();
    throw error;
  }
}

/**
 * What is measured must be what it is called: a sandbox has an address, unless it is on the node's network. This first one is not
 * counted: it brings the files into memory and makes the bridge.
 */
async function verifyNetwork({ network, containerd: { cri } }: Node): Promise<void> {
  const id = await cri.run('first', { network });
  const { addresses } = await cri.status(id);
  const wanted = network === 'POD' ? 1 : 0;
  if (addresses.length !== wanted) throw new Error(`a sandbox has addresses [${addresses}], and not ${wanted} of them`);
  await cri.stop(id);
  await cri.remove(id);
}

/** In turn, and who is first changes from round to round. */
async function runCrowds(nodes: readonly Node[], crowds: Plan['crowds']): Promise<Samples> {
  const empty = () => Object.fromEntries(crowds.map(({ size }) => [size, { run: [], remove: [] }]));
  const samples: Samples = Object.fromEntries(nodes.map(({ label }) => [label, empty()]));
  for (const { size, rounds } of crowds) {
    for (let round = 0; round < rounds; round += 1) {
      for (const node of round % 2 === 0 ? nodes : nodes.toReversed()) {
        await Bun.sleep(PAUSE_MS);
        note(samples, node, size, await naming(node, runCrowd(node, size)));
      }
    }
  }
  return samples;
}

async function runCrowd({ network, containerd: { cri } }: Node, size: number): Promise<Crowd> {
  const names = Array.from({ length: size }, (_, i) => `pod-${i}`);
  const remove = async (id: string) => {
    await cri.stop(id);
    await cri.remove(id);
  };
  const start = performance.now();
  const ids = await Promise.all(names.map((name) => cri.run(name, { network })));
  const running = performance.now();
  await Promise.all(ids.map(remove));
  return { run: running - start, remove: performance.now() - running };
}

function note(samples: Samples, { label }: Node, size: number, { run, remove }: Crowd): void {
  samples[label]?.[size]?.run.push(run);
  samples[label]?.[size]?.remove.push(remove);
}

/** An error says on which node it was. */
async function naming<T>({ label }: Node, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${label}: ${(error as Error).message}`, { cause: error });
  }
}

function close({ cri, machine }: Containerd): void {
  cri.close();
  machine.delete();
}
