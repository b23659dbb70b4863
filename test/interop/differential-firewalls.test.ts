/** What an administrator's rules stop behind the reference plugins of today is stopped behind us, too, shown by packets. */

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Firewall } from '../e2e/support/firewalls.ts';
import { whyNoGoModule } from '../support/go-programs.ts';
import { FLAVOURS, type Flavour } from '../support/iptables.ts';
import { patient } from '../support/patience.ts';
import { describeUnless } from '../support/privilege.ts';
import { answersOf, denialsFor, SUBJECTS } from './support/differential/denials.ts';
import { inLanes } from './support/differential/lanes.ts';
import type { PluginName } from './support/differential/lists.ts';
import { FIRST_ANSWERS, type Passed, passing } from './support/differential/run-firewall.ts';
import { acrossNetworks, KEPT_APART, MOMENTS } from './support/differential/run-isolation.ts';

interface Subject {
  readonly name: string;
  readonly flavour: Flavour;
  readonly firewall: Firewall;
}

const on = (flavours: readonly Flavour[], firewalls: readonly Firewall[]): Subject[] =>
  flavours.flatMap((flavour) =>
    firewalls.map((firewall) => ({ name: `${flavour}: ${firewall.name}`, flavour, firewall })),
  );
/** What stands behind the administrator's rules is a matter of the chain, which one flavour shows. */
const DROPPING = [
  ...on(['nft'], SUBJECTS),
  ...on(
    ['legacy'],
    SUBJECTS.filter(({ name }) => !name.includes('last')),
  ),
];
/** One of each place where the reference's accept can stand: before the administrator's chain, and behind it. */
const CHAINED = on(
  ['nft'],
  SUBJECTS.filter(({ name }) => ['FORWARD, policy DROP', 'DOCKER-USER', 'CNI-ADMIN'].includes(name)),
);
/** No plugin adds an accept then, so one flavour shows it. */
const ACCEPTING = on(['nft'], SUBJECTS.filter(hasOnlyConditions).map(accepting));

function hasOnlyConditions({ name, rules }: Firewall): boolean {
  return rules.includes(':FORWARD DROP') && !/REJECT|last/.test(name);
}

function accepting(firewall: Firewall): Firewall {
  return { ...firewall, rules: firewall.rules.replace(':FORWARD DROP', ':FORWARD ACCEPT') };
}

/** The reference's `firewall` puts its accept at the head of FORWARD, unless its chains are there; these come before it then. */
function isBeforeTheirs({ chain }: Firewall): boolean {
  return chain.startsWith('CNI-');
}

/** What the rules leave. */
function permitted({ firewall }: Subject): string[] {
  const denials = denialsFor(firewall);
  const prevented = new Set(denials.flatMap(({ prevents }) => prevents));
  return answersOf(denials).filter((answer) => !prevented.has(answer));
}

/** Everything a container may ask for, denied or not. */
function all({ firewall }: Subject): string[] {
  return answersOf(denialsFor(firewall));
}

/** What every container is answered, with the first container's own answers to its neighbour and to the outside. */
function passed(outward: readonly string[], neighbour: readonly string[], inward: readonly string[]): Passed {
  return { first: outward, second: outward, third: outward, neighbour, inward };
}

/** A test for each subject, of what passes with the lists of plugins; all of them are started at the beginning. */
function eachOf<Names extends string>(
  subjects: readonly Subject[],
  lists: Readonly<Record<Names, readonly PluginName[]>>,
  expectation: (passed: Record<Names, Passed>, subject: Subject) => void,
): void {
  let outcomes: Map<Subject, Promise<Record<Names, Passed>>>;
  beforeAll(() => {
    outcomes = inLanes(subjects, async (subject) => {
      const { flavour, firewall } = subject;
      const expected = [...permitted(subject), ...FIRST_ANSWERS];
      const entries = Object.entries<readonly PluginName[]>(lists).map(
        async ([name, list]) => [name, await passing(list, flavour, firewall, expected)] as const,
      );
      return Object.fromEntries(await Promise.all(entries)) as Record<Names, Passed>;
    });
  });
  afterAll(async () => void (await Promise.allSettled(outcomes.values())));
  test.each(subjects.map((subject) => [subject.name, subject] as const))(
    '%s',
    async (_, subject) => expectation((await outcomes.get(subject)) as Record<Names, Passed>, subject),
    patient(60_000),
  );
}

describeUnless(whyNoGoModule('plugins'), 'differential: rules that deny', () => {
  describe('where FORWARD accepts: they hold behind trestle as behind the reference bridge', () => {
    eachOf(ACCEPTING, { theirs: ['bridge'], ours: ['trestle'] }, ({ theirs, ours }, subject) => {
      expect(theirs).toEqual(passed(permitted(subject), FIRST_ANSWERS, FIRST_ANSWERS));
      expect(ours).toEqual(theirs);
    });
  });

  describe('where FORWARD drops: what the reference bridge and firewall stop, trestle stops', () => {
    eachOf(DROPPING, { theirs: ['bridge', 'firewall'], ours: ['trestle'] }, ({ theirs, ours }, subject) => {
      const overruled = isBeforeTheirs(subject.firewall) ? permitted(subject) : all(subject);
      expect(theirs).toEqual(passed(overruled, FIRST_ANSWERS, []));
      expect(ours).toEqual(passed(permitted(subject), FIRST_ANSWERS, []));
      for (const container of ['first', 'second', 'third'] as const)
        expect(ours[container].filter((answer) => !theirs[container].includes(answer))).toEqual([]);
    });
  });

  describe('where FORWARD drops: the reference firewall lets the same pass behind trestle as behind the reference bridge', () => {
    eachOf(CHAINED, { theirs: ['bridge', 'firewall'], ours: ['trestle', 'firewall'] }, ({ theirs, ours }, subject) => {
      expect(theirs.second.length).toBeGreaterThanOrEqual(permitted(subject).length);
      expect(ours).toEqual(theirs);
    });
  });

  test.each([...FLAVOURS])('where FORWARD drops: the reference bridge alone lets nothing pass, %s', async (flavour) => {
    const [firewall] = SUBJECTS as [Firewall];
    expect(await passing(['bridge'], flavour, firewall, [])).toEqual(passed([], [], []));
  });
});

describeUnless(whyNoGoModule('plugins'), "differential: two networks of nerdctl's, ingressPolicy same-bridge", () => {
  const subjects = FLAVOURS.flatMap((flavour) => MOMENTS.map((moment) => ({ flavour, moment })));
  let outcomes: Map<(typeof subjects)[number], Promise<string[][][]>>;
  beforeAll(() => {
    outcomes = inLanes(subjects, ({ flavour, moment }) =>
      Promise.all((['bridge', 'trestle'] as const).map((main) => acrossNetworks(main, flavour, moment))),
    );
  });
  afterAll(async () => void (await Promise.allSettled(outcomes.values())));
  test.each(subjects.map((subject) => [subject.flavour, subject.moment, subject] as const))(
    '%s, policy DROP %s: they do not reach each other, containers of one bridge do',
    async (_, __, subject) => expect(await outcomes.get(subject)).toEqual([KEPT_APART, KEPT_APART]),
  );
});
