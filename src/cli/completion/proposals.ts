/** What the shell may offer as the next word, from the descriptions of the commands. */

import { type Application, type Command, proposeCompletions } from '@stricli/core';
import { collecting } from '../../attempt.ts';
import type { Context } from '../context.ts';
import { type Proposal, proposeNetworks, proposePaths, proposeThings, type Words } from './values.ts';

/** One word that may come next. */
interface Proposed {
  readonly word: string;
  /** What it is, a line. */
  readonly brief: string;
}

interface Parameter {
  readonly kind?: string;
  readonly placeholder?: string;
  readonly brief: string;
}

/** The placeholders whose values are known; see the parameters of the commands. */
const BY_PLACEHOLDER: Readonly<Record<string, Proposal>> = {
  NAME: proposeNetworks,
  THING: proposeThings,
  CONTAINER: proposeThings,
  FROM: proposeThings,
  FILE: proposePaths,
  DIR: proposePaths,
  PATH: proposePaths,
};

/** Flags whose value is the name of something else than a network. */
const NO_NETWORK = ['bridge'];

/**
 * The words that may follow `words`, the last of which has been begun. Never fails: where nothing can be said, nothing is
 * proposed.
 */
export async function proposalsFor(
  application: Application<Context>,
  words: Words,
  context: Context,
): Promise<readonly Proposed[]> {
  const partial = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const value = valueParameter(application, before, partial);
  const found = await proposeCompletions(application, [...words], context);
  const known = found
    .filter(({ completion }) => completion !== '--' && completion.startsWith(partial))
    .map(({ completion, brief }) => ({ word: completion, brief }));
  if (value === undefined) return known;
  return [...known, ...valuesFor(value, partial, before)];
}

function valuesFor({ placeholder = '', brief }: Parameter, partial: string, words: Words): Proposed[] {
  const values: string[] = [];
  collecting(() => values.push(...(BY_PLACEHOLDER[placeholder]?.(partial, words) ?? [])));
  return values.filter((word) => word.startsWith(partial)).map((word) => ({ word, brief }));
}

/** The parameter whose value is being typed: of the flag before, or the next positional one; undefined where there is none. */
function valueParameter({ root }: Application<Context>, before: Words, partial: string): Parameter | undefined {
  let target = root;
  let at = 0;
  for (; 'getRoutingTargetForInput' in target && at < before.length; at++) {
    const next = target.getRoutingTargetForInput(before[at] ?? '');
    if (next === undefined) return undefined;
    target = next;
  }
  return 'parameters' in target ? parameterOf(target, before.slice(at), partial) : undefined;
}

function parameterOf({ parameters }: Command<Context>, words: Words, partial: string): Parameter | undefined {
  const flags = parameters.flags ?? {};
  const takesValue = (word: string): [string, Parameter] | undefined => {
    const name = camelCase(word.slice(2));
    const flag = word.startsWith('--') ? flags[name] : undefined;
    return flag === undefined || flag.kind === 'boolean' || flag.kind === 'counter' ? undefined : [name, flag];
  };
  const [name, flag] = takesValue(words.at(-1) ?? '') ?? [];
  if (flag !== undefined) return NO_NETWORK.includes(name ?? '') ? undefined : flag;
  if (partial.startsWith('-') && partial !== '-') return undefined;
  const positionals = words.filter(
    (word, at) => !word.startsWith('--') && takesValue(words[at - 1] ?? '') === undefined,
  );
  const { positional } = parameters;
  if (positional === undefined) return undefined;
  return positional.kind === 'array' ? positional.parameter : positional.parameters[positionals.length];
}

function camelCase(kebab: string): string {
  return kebab.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
