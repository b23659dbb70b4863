import { describe, expect, test } from 'bun:test';
import { acceptChain } from '../../../src/resources/forward-accept/chain.ts';
import {
  type Action,
  actionOfTarget,
  type ChainRule,
  forwardPath,
  standingOf,
} from '../../../src/resources/forward-accept/path.ts';

/** A rule as `[-c] ACTION`: -c for a condition; ACTION is an action, `jump CHAIN` or `goto CHAIN`. */
function ruleOf(text: string, at: number): ChainRule<string> {
  const isConditional = text.startsWith('-c ');
  const words = (isConditional ? text.slice(3) : text).split(' ');
  const [word, chain] = words;
  const action = chain === undefined ? (word as Action) : { chain, goto: word === 'goto' };
  return { handle: `#${at + 1}`, isConditional, action };
}

function tableOf(chains: Record<string, readonly string[]>, policyDrops: boolean) {
  return { policyDrops, rulesOf: (chain: string) => (chains[chain] ?? []).map(ruleOf) };
}

const OWN = acceptChain('cni0');
const OTHER = acceptChain('cni1');

/** Chains, whether the policy drops, and what drops where: `CHAIN RULE`, or `CHAIN end`. */
const DROPS: [Record<string, string[]>, boolean, string | undefined][] = [
  [{ FORWARD: [] }, false, undefined],
  [{ FORWARD: [] }, true, 'policy FORWARD end'],
  [{ FORWARD: ['-c drop', '-c accept', 'continue'] }, true, 'policy FORWARD end'],
  [{ FORWARD: ['-c drop', 'drop', 'drop'] }, false, 'rule FORWARD #2'],
  [{ FORWARD: ['-c drop', 'return', 'drop'] }, true, 'policy FORWARD #2'],
  [{ FORWARD: ['return', 'drop'] }, false, undefined],
  [{ FORWARD: ['accept', 'drop'] }, true, undefined],
  [{ FORWARD: ['queue', 'drop'] }, true, undefined],
  [{ FORWARD: ['unknown', 'drop'] }, true, 'rule FORWARD #2'],
  [{ FORWARD: ['jump A', 'drop'], A: ['-c drop', 'return', 'drop'] }, false, 'rule FORWARD #2'],
  [{ FORWARD: ['jump A', 'drop'], A: ['-c drop', 'drop'] }, false, 'rule A #2'],
  [{ FORWARD: ['jump A'], A: ['jump B'], B: ['-c return', 'drop'] }, false, 'rule B #2'],
  [{ FORWARD: ['-c drop', 'jump A'], A: ['drop'] }, false, 'rule FORWARD #2'],
  [{ FORWARD: ['jump A'], A: ['jump B', 'jump C'], B: ['-c return'], C: ['drop'] }, false, 'rule A #2'],
  [
    { FORWARD: ['jump A'], A: ['jump B'], B: ['continue', '-c accept', '-c continue', 'drop'] },
    false,
    'rule FORWARD #1',
  ],
  [{ FORWARD: ['jump A'], A: ['-c jump B', 'drop'], B: [] }, false, 'rule A #2'],
  [{ FORWARD: ['jump A'], A: ['unknown', 'drop'] }, false, 'rule A #2'],
  [{ FORWARD: ['jump A', 'jump B'], A: [], B: [`jump ${acceptChain('cni1')}`, 'drop'] }, true, 'rule FORWARD #2'],
  [{ FORWARD: ['-c drop', 'goto A'], A: ['continue'] }, true, 'policy FORWARD #2'],
  [{ FORWARD: ['jump A', 'drop'], A: ['accept'] }, true, undefined],
  [{ FORWARD: ['-c jump A'], A: ['drop'] }, false, undefined],
  [{ FORWARD: ['goto A', 'accept'], A: ['-c drop'] }, true, 'policy A end'],
  [{ FORWARD: ['goto A', 'drop'], A: ['return'] }, false, undefined],
  [{ FORWARD: ['jump A', 'drop'], A: ['goto B', 'drop'], B: ['-c drop'] }, false, 'rule FORWARD #2'],
];

test.each(DROPS)('%j, policy drops %p: %p', (chains, policyDrops, expected) => {
  const { drop } = forwardPath(tableOf(chains, policyDrops));
  expect(drop && `${drop.by} ${drop.place.chain} ${drop.place.before ?? 'end'}`).toBe(expected as string);
});

describe('the accept of a bridge', () => {
  test.each<[string[], boolean, string]>([
    [[], true, 'missing'],
    [[`jump ${OTHER}`], true, 'missing'],
    [[`-c jump ${OWN}`], true, 'missing'],
    [['drop', `-c jump ${OWN}`], false, 'missing'],
    [['drop', `jump ${OWN}`], false, 'too late'],
    [['return', `jump ${OWN}`], true, 'too late'],
    [['jump DROPS', `jump ${OWN}`], false, 'too late'],
    [['jump LATE'], false, 'too late'],
    [['jump RETURNS', 'drop'], false, 'too late'],
    [['accept', `jump ${OWN}`], true, 'not needed'],
    [['drop', `jump ${OWN}`, '-c drop', `jump ${OTHER}`], false, 'too late'],
    [['-c drop', `jump ${OWN}`], true, 'in place'],
    [[`jump ${OWN}`, 'drop'], false, 'in place'],
    [[`jump ${OWN}`, `jump ${OTHER}`, '-c accept', '-c continue', 'continue'], true, 'in place'],
    [[`jump ${OWN}`, 'jump EMPTY'], true, 'in place'],
    [[`jump ${OWN}`, 'jump DENIES'], true, 'too early'],
    [[`jump ${OWN}`, '-c jump EMPTY'], true, 'too early'],
    ...['-c drop', '-c return', '-c queue', '-c unknown', 'unknown'].map((rule): [string[], boolean, string] => [
      [`jump ${OWN}`, rule],
      true,
      'too early',
    ]),
    [[`jump ${OWN}`, '-c drop'], false, 'too early'],
    [[`jump ${OWN}`], false, 'not needed'],
    [['-c drop'], false, 'not needed'],
  ])('%j, policy drops %p: %s', (rules, policyDrops, expected) => {
    const way = `jump ${OWN}`;
    const others = { DENIES: ['-c drop'], DROPS: ['drop'], LATE: ['drop', way], RETURNS: ['return', way] };
    const path = forwardPath(tableOf({ FORWARD: rules, ...others }, policyDrops));
    expect(standingOf(path, 'cni0')).toBe(expected as ReturnType<typeof standingOf>);
  });

  test('chains that are nothing but accepts are not asked for', () => {
    const asked: string[] = [];
    const table = tableOf({ FORWARD: [`jump ${OTHER}`, `jump ${OWN}`] }, true);
    const rulesOf = (chain: string) => {
      asked.push(chain);
      return table.rulesOf(chain);
    };
    forwardPath({ ...table, rulesOf });
    expect(asked).toEqual(['FORWARD']);
  });
});

test('targets of iptables that are no verdict', () => {
  expect(['REJECT', 'NFQUEUE', 'LOG', 'MARK', 'SYNPROXY'].map(actionOfTarget)).toEqual([
    'drop',
    'queue',
    'continue',
    'continue',
    'unknown',
  ]);
});
