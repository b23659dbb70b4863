/** The manual page, made from the same descriptions as the help of the commands. */

import type { Command, RouteMap } from '@stricli/core';
import type { Context } from '../context.ts';
import { bold, entry, escaped, italic, paragraphs, section, subsection, title } from './roff.ts';

interface NamedCommand {
  /** With the names of the groups that it is in: `config check`. */
  readonly name: string;
  readonly command: Command<Context>;
}

type Flag = NonNullable<Command<Context>['parameters']['flags']>[string];

const EXIT_STATUS = [
  ['0', 'All is well, or the command has done what it was asked for.'],
  ['1', 'The command found something, or failed.'],
  ['2', 'The command line is not understood, or names something that does not exist.'],
] as const;

const FILES = [
  ['/etc/cni/net.d', 'The network configurations. A runtime takes the first by name.'],
  ['/opt/cni/bin', 'The plugins that a runtime runs.'],
  ['/var/lib/cni/networks', 'The leases of each network, and in .trestle the records of the attachments.'],
  ['/var/lib/trestle/install.json', 'What "trestle install" wrote.'],
] as const;

const SEE_ALSO = ['ip(8)', 'bridge(8)', 'nft(8)', 'ip-netns(8)', 'systemd.unit(5)'];

/** The page in the language of man(7). `root` holds the commands, and `version` is what `--version` prints. */
export function manualPage(root: RouteMap<Context>, version: string): string {
  const commands = commandsIn(root, '');
  return [
    title('trestle', 8, version),
    `${section('NAME')}trestle \\- ${escaped(lowerFirst(root.brief))}\n`,
    section('SYNOPSIS'),
    commands.map(({ name, command }) => synopsis(name, command)).join('.br\n'),
    section('DESCRIPTION'),
    paragraphs(root.fullDescription ?? root.brief),
    section('COMMANDS'),
    ...commands.map(commandSection),
    section('EXIT STATUS'),
    ...EXIT_STATUS.map(([status, meaning]) => entry(bold(status), meaning)),
    section('FILES'),
    ...FILES.map(([path, meaning]) => entry(italic(path), meaning)),
    section('SEE ALSO'),
    `${SEE_ALSO.map((page) => page.replace(/^([\w.-]+)(\(\d\))$/, (_, name: string, number: string) => bold(name) + number)).join(',\n')}\n`,
  ].join('');
}

function commandsIn(map: RouteMap<Context>, prefix: string): NamedCommand[] {
  const entries = map.getAllEntries().filter(({ hidden }) => !hidden);
  return entries.flatMap(({ name, target }) => {
    const whole = `${prefix}${name['convert-camel-to-kebab']}`;
    return 'parameters' in target ? [{ name: whole, command: target }] : commandsIn(target, `${whole} `);
  });
}

function synopsis(name: string, { parameters }: Command<Context>): string {
  const flags = Object.keys(visibleFlags(parameters.flags)).length > 0 ? [`[${italic('FLAG')}]...`] : [];
  return `${[bold(`trestle ${name}`), ...flags, ...positionals(parameters)].join(' ')}\n`;
}

function positionals({ positional }: Command<Context>['parameters']): string[] {
  if (positional === undefined) return [];
  if (positional.kind === 'array') {
    const { minimum = 0, parameter } = positional;
    const word = `${italic(parameter.placeholder ?? 'ARG')}...`;
    return [minimum > 0 ? word : `[${word}]`];
  }
  return positional.parameters.map((parameter) => {
    const word = italic(parameter.placeholder ?? 'ARG');
    return parameter.optional || parameter.default !== undefined ? `[${word}]` : word;
  });
}

function commandSection({ name, command }: NamedCommand): string {
  const { flags, positional } = command.parameters;
  const words =
    positional === undefined ? [] : positional.kind === 'array' ? [positional.parameter] : positional.parameters;
  return [
    subsection(`trestle ${name}`),
    paragraphs(command.fullDescription ?? command.brief),
    ...words.map(({ placeholder = 'ARG', brief }) => entry(italic(placeholder), sentence(brief))),
    ...Object.entries(visibleFlags(flags)).map(([flag, parameter]) => flagEntry(flag, parameter)),
  ].join('');
}

function flagEntry(name: string, flag: Flag): string {
  const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const isNegatable = flag.kind === 'boolean' && flag.withNegated !== false;
  const value = flag.kind === 'boolean' || flag.kind === 'counter' ? '' : ` ${italic(placeholderOf(flag))}`;
  const repeated = 'variadic' in flag && flag.variadic ? '...' : '';
  const negated = isNegatable ? `, ${bold(`--no-${kebab}`)}` : '';
  const initial = 'default' in flag && typeof flag.default === 'string' ? ` Default: ${flag.default}.` : '';
  const values = flag.kind === 'enum' ? ` One of ${flag.values.join(', ')}.` : '';
  return entry(`${bold(`--${kebab}`)}${negated}${value}${repeated}`, `${sentence(flag.brief)}${initial}${values}`);
}

function placeholderOf(flag: Flag): string {
  return ('placeholder' in flag ? flag.placeholder : undefined) ?? 'VALUE';
}

function visibleFlags(flags: Command<Context>['parameters']['flags'] = {}): Record<string, Flag> {
  return Object.fromEntries(Object.entries(flags).filter(([, flag]) => flag.hidden !== true));
}

function sentence(brief: string): string {
  return brief.endsWith('.') ? brief : `${brief}.`;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
