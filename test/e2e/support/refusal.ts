/** Calls that must be refused without a trace. */

import { afterAll, beforeAll, expect } from 'bun:test';
import type { Artifact } from '../../support/artifacts.ts';
import { type CniCall, type CniError, cni, failed, type Outcome, succeeded } from '../../support/cni.ts';
import { leftovers } from '../../support/leftovers.ts';
import { type Container, createNode, type ScratchNode } from '../../support/node.ts';
import { runtime } from '../../support/runtime.ts';
import { type Config, footprint, network } from './network.ts';

export interface Refusals {
  /** The usual network's configuration on this node. */
  config(extra?: Config): Config;
  /** An ADD of a fresh container, or another call, that must be refused and change nothing. */
  refuse(call?: Partial<CniCall>): CniError;
}

/** A node with one attached container for a group of tests: everything on it must stay as it is. */
export function onQuietNode(artifact: Artifact): Refusals {
  let node: ScratchNode;
  let fresh: Container;
  let before: unknown[];
  const state = (): unknown[] => [leftovers(node), footprint(node)];
  beforeAll(() => {
    node = createNode();
    succeeded(runtime(node, artifact, network(node)).add(node.container()));
    fresh = node.container();
    before = state();
  });
  afterAll(() => node.delete());
  return {
    config: (extra) => network(node, extra),
    refuse(call = {}) {
      const usual: CniCall = { artifact, command: 'ADD', container: fresh, config: network(node) };
      const error = oneErrorObject(cni(node, { ...usual, ...call } as CniCall));
      expect(state()).toEqual(before);
      return error;
    },
  };
}

/** Status 1, one JSON object in one line on stdout, no trace of a program's inside anywhere. */
export function oneErrorObject(outcome: Outcome): CniError {
  const error = failed(outcome);
  expect(outcome.stdout).toBe(`${JSON.stringify(error)}\n`);
  expect(Object.keys(error).filter((key) => key !== 'details')).toEqual(['cniVersion', 'code', 'msg']);
  for (const text of [error.msg, error.details ?? 'none']) {
    expect(text).not.toBe('');
    expect(text.length).toBeLessThan(1000);
    expect(text).not.toMatch(/[\r\n]/);
  }
  expect(outcome.stdout + outcome.stderr).not.toMatch(
    /\bat \S+ \(|\bat (file|node|bun|\/)\S*:\d+:\d+|\.(ts|cjs|js):\d+/,
  );
  return error;
}
