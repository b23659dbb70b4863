/** Where FORWARD of iptables, of either flavour, drops whatever has come so far: by a rule that has no condition, or by its policy. */

import { DOCKER_USER, FORWARD } from './accept-chain.ts';

export interface ForwardRule {
  /** What it does to every packet; undefined where that depends on the packet, or where the packet goes on. */
  readonly fate: 'accept' | 'drop' | undefined;
  /** The chain that it leads to. */
  readonly target: string | undefined;
}

/** What drops. */
export type Drop = 'policy' | 'rule';

/** Undefined where something may come through without being accepted by anybody. */
export function dropOf(rules: readonly ForwardRule[], policyDrops: boolean): Drop | undefined {
  const last = rules.find(({ fate }) => fate !== undefined);
  if (last !== undefined) return last.fate === 'drop' ? 'rule' : undefined;
  return policyDrops ? 'policy' : undefined;
}

/** The chain that an accept belongs in, at its head: DOCKER-USER where FORWARD leads there before it drops. */
export function placeFor(rules: readonly ForwardRule[]): string {
  const end = rules.findIndex(({ fate }) => fate === 'drop');
  const reached = end === -1 ? rules : rules.slice(0, end);
  return reached.some(({ target }) => target === DOCKER_USER) ? DOCKER_USER : FORWARD;
}
