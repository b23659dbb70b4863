/** `trestle trace` on a scratch node: two containers on one bridge, an outside, and what the command says in JSON. */

import type { Artifact } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { type Container, createNode, type NodeOptions, type ScratchNode } from '../../support/node.ts';
import { jsonOf, operate, placeOf } from '../../support/operator.ts';
import { patient } from '../../support/patience.ts';
import { runtime } from '../../support/runtime.ts';
import { type Config, network } from './network.ts';

export interface TracedStep {
  readonly number: number;
  readonly place: string;
  readonly topic: string;
  readonly seen: string;
  readonly bad: boolean;
  readonly rule?: {
    readonly table: string;
    readonly chain: string;
    readonly handle?: number;
    readonly number?: number;
  };
}

export interface Traced {
  readonly answered: boolean;
  readonly source?: string;
  readonly steps: readonly TracedStep[];
  readonly cause?: {
    readonly code: string;
    readonly what: string;
    readonly fix: string;
    readonly rule?: TracedStep['rule'] & { readonly text: string; readonly comment?: string; readonly by: string };
  };
}

export interface Scene extends Disposable {
  readonly node: ScratchNode;
  readonly first: Container;
  readonly second: Container;
  /** Traces from the first container. */
  trace(to: string, ...flags: string[]): Traced;
  /** Traces from anywhere. */
  traceFrom(from: string, to: string, ...flags: string[]): Traced;
}

/** A node with an outside and two containers. Hold it with `using`. */
export function traceScene(artifact: Artifact, extra: Config = {}, options: NodeOptions = {}): Scene {
  const node = createNode({ outside: true, ...options });
  try {
    const pods = runtime(node, artifact, network(node, extra));
    const [first, second] = [node.container(), node.container()];
    succeeded(pods.add(first));
    succeeded(pods.add(second, { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' }));
    const traceFrom = (from: string, to: string, ...flags: string[]) => {
      const args = ['trace', from, to, '--json', '--timeout', String(patient(1)), ...placeOf(node), ...flags];
      const said = operate(node, artifact, args);
      return jsonOf<Traced>(said, said.status === 0 ? 0 : 1);
    };
    return {
      ...{ node, first, second, traceFrom },
      trace: (to, ...flags) => traceFrom(first.id, to, ...flags),
      [Symbol.dispose]: () => node.delete(),
    };
  } catch (error) {
    node.delete();
    throw error;
  }
}

/** What the steps of one topic say. */
export function seenOf({ steps }: Traced, topic: string): string[] {
  return steps.filter((one) => one.topic === topic).map(({ seen }) => seen);
}
