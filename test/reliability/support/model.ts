/** What may be true of each attachment, told from outside: by what was asked for, what was answered, and who was killed. */

import type { CniResult, Outcome } from '../../support/cni.ts';
import type { Container } from '../../support/node.ts';

/** After a kill either may be the case. */
export type State = 'absent' | 'present' | 'unknown';

export interface Tracked {
  readonly container: Container;
  readonly network: string;
  readonly ifName: string;
  state: State;
  /** What the last ADD answered. */
  result: CniResult | undefined;
  /** A call for it runs. The specification allows one at a time. */
  busy: boolean;
}

export function track(container: Container, network: string, ifName: string): Tracked {
  return { container, network, ifName, state: 'absent', result: undefined, busy: false };
}

export type Change = 'ADD' | 'DEL';

/** Notes how a call ended. @throws Error where it cannot end so */
export function note(attachment: Tracked, change: Change, outcome: Outcome, all: readonly Tracked[]): void {
  verifyOutcome(attachment, change, outcome);
  if (outcome.status === null) attachment.state = 'unknown';
  else if (change === 'DEL') attachment.state = 'absent';
  else if (outcome.status === 0) attach(attachment, outcome, all);
}

/** @throws Error for an answer that this call could not give */
function verifyOutcome(attachment: Tracked, change: Change, outcome: Outcome): void {
  const { status, error, result } = outcome;
  if (status === null) return;
  const isAnswer = status === 0 ? change === 'DEL' || result !== undefined : error !== undefined;
  if (!isAnswer) throw new Error(`${textOf(attachment)}: ${change} answered nothing: ${JSON.stringify(outcome)}`);
  const expected: Record<State, readonly (number | undefined)[]> = {
    absent: [undefined],
    present: change === 'ADD' ? [102] : [undefined],
    unknown: change === 'ADD' ? [undefined, 102] : [undefined],
  };
  if (expected[attachment.state].includes(error?.code)) return;
  throw new Error(
    `${textOf(attachment)}, ${attachment.state}: ${change} answered ${JSON.stringify(error ?? 'success')}`,
  );
}

/** @throws Error where an address is somebody else's */
function attach(attachment: Tracked, { result }: Outcome, all: readonly Tracked[]): void {
  attachment.state = 'present';
  attachment.result = result;
  for (const address of addressesOf(attachment)) {
    const holder = all.find(
      (other) =>
        other !== attachment && other.state === 'present' && !other.busy && addressesOf(other).includes(address),
    );
    if (holder !== undefined) throw new Error(`${address} was given to ${textOf(attachment)} and ${textOf(holder)}`);
  }
}

/** Without their lengths. */
export function addressesOf({ result }: Tracked): string[] {
  return (result?.ips ?? []).map(({ address }) => address.split('/')[0] as string);
}

export function textOf({ container, network, ifName }: Tracked): string {
  return `${ifName} of ${container.id.slice(0, 8)} on ${network}`;
}
