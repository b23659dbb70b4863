/**
 * The rules that keep the source's rooms (folders below src/) apart. A checker over text, so that it needs no build and can be
 * tried on small made-up trees.
 */

/** Path below src/ to text. */
export type SourceTree = Readonly<Record<string, string>>;

/** Which rooms a room may use, besides its own files. Nothing points back. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'plugins', 'cni', 'sys'],
  cli: ['plugins', 'cni', 'resources', 'ipam', 'netlink', 'sys'],
  plugins: ['cni', 'resources', 'ipam', 'netlink', 'sys'],
  cni: ['ipam', 'netlink', 'sys'],
  resources: ['netlink', 'ipam', 'sys'],
  ipam: ['sys'],
  netlink: ['sys'],
  sys: [],
};

/** What anyone may use, and what these may use themselves. */
const LEAVES: Readonly<Record<string, readonly string[]>> = {
  fault: [],
  log: ['fault'],
  attempt: ['fault', 'log'],
  address: ['fault'],
  schema: ['address', 'fault'],
};

/** The adapter of a runtime that has more globals than the language. */
const NODE = 'sys/node.ts';
const MAX_LINES = 250;

interface Source {
  readonly path: string;
  readonly text: string;
  /** Without comments, and without comments and strings; lines and columns as in the text. */
  readonly code: string;
  readonly bare: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Everything that breaks a rule, as `src/FILE:LINE: RULE`. */
export function violations(tree: SourceTree): string[] {
  const sources = Object.entries(tree).map(([path, text]) => parse(path, text));
  const perFile = sources.flatMap((source) => [
    ...arrows(source),
    ...runtimes(source),
    ...environment(source),
    ...length(source),
  ]);
  return [...perFile, ...cycles(sources)];
}

function arrows(source: Source): string[] {
  const from = roomOf(source.path);
  const allowed = LEAVES[from] ?? [...(ARROWS[from] ?? []), ...Object.keys(LEAVES)];
  if (!(from in ARROWS) && !(from in LEAVES)) return [at(source, 1, `${from} is no room that the design knows`)];
  return relativeImports(source).flatMap(({ target, line }) => {
    const to = roomOf(target);
    if (from === 'plugins' && to === 'plugins') return neighbours(source, target, line);
    if (to === from || allowed.includes(to)) return [];
    return [at(source, line, `${from} must not use ${to}; it may use ${allowed.join(', ') || 'nothing'}`)];
  });
}

/** Plugins share the files beside their folders; of each other they use only what gives addresses. */
function neighbours(source: Source, target: string, line: number): string[] {
  const folderOf = (path: string) => path.split('/').slice(1, -1).join('/');
  const [from, to] = [folderOf(source.path), folderOf(target)];
  if (from === to || to === '' || (to === 'ipam' && from !== '')) return [];
  const what = from === '' ? source.path : `plugins/${from}`;
  return [at(source, line, `${what} must not use plugins/${to}; of other plugins it may use plugins/ipam`)];
}

/** Only sys asks the runtime, and in it only the adapter of Node sees what Node has. */
function runtimes(source: Source): string[] {
  const asks = source.imports.filter(({ specifier }) => specifier === '#runtime');
  const asking = roomOf(source.path) === 'sys' ? [] : asks.map(({ line }) => ({ line, text: "'#runtime'" }));
  const seeing =
    source.path === NODE
      ? []
      : [
          ...matches(source.code, /(['"`])(?:bun(?::\w+)?|node:[\w/]+|koffi|execa)\1/g),
          ...matches(source.bare, /\b(?:process|performance|Atomics|Bun)\b(?=\s*(?:\?\.|\.|\[))/g),
          ...matches(source.bare, /\b(?:TextEncoder|TextDecoder|Buffer|require)\b/g),
        ];
  return [
    ...asking.map(({ line, text }) => at(source, line, `${text} belongs into sys, which alone asks the runtime`)),
    ...seeing.map(({ line, text }) => at(source, line, `${text} belongs into ${NODE}: the engine has no such thing`)),
  ];
}

/** Arguments, variables and the like are not known while modules are evaluated, so they come from main. */
function environment(source: Source): string[] {
  if (source.path === 'main.ts' || source.path.startsWith('sys/')) return [];
  const named = /\bimport\s*\{[^}]*\b(?:environment|commandLine)\b[^}]*\}\s*from\s*(['"])[./]*sys\/process\.ts\1/g;
  return matches(source.code, named).map(({ line }) =>
    at(source, line, 'environment and arguments are read in main.ts only'),
  );
}

function length(source: Source): string[] {
  const lines = source.text.replace(/\n$/, '').split('\n').length;
  return lines > MAX_LINES ? [at(source, lines, `${lines} lines, at most ${MAX_LINES}: a file holds one concept`)] : [];
}

/** Every circle of imports once, named at the first of its files in alphabetical order. */
function cycles(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const finished = new Set<string>();
  const found = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.add(circle(trail.slice(start)).join(' -> '));
    const source = byPath.get(path);
    if (start >= 0 || finished.has(path) || source === undefined) return;
    for (const { target } of relativeImports(source)) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of byPath.keys()) visit(path, []);
  return [...found].map((path) => `src/${path.split(' ')[0]}:1: imports go in a circle: ${path}`);
}

/** The same circle always begins, and ends, with its first file. */
function circle(paths: readonly string[]): string[] {
  const first = paths.indexOf([...paths].sort()[0] as string);
  return [...paths.slice(first), ...paths.slice(0, first), paths[first] as string];
}

function roomOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] as string) : path.replace(/\.ts$/, '');
}

function relativeImports(source: Source): { target: string; line: number }[] {
  const relative = source.imports.filter(({ specifier }) => specifier.startsWith('.'));
  const base = `file:///${source.path}`;
  return relative.map(({ specifier, line }) => ({ target: new URL(specifier, base).pathname.slice(1), line }));
}

function parse(path: string, text: string): Source {
  const code = blank(text, (token) => token.startsWith('//') || token.startsWith('/*'));
  return { path, text, code, bare: blank(text, () => true), imports: importsOf(code) };
}

/** Replaces comments or strings by spaces, line breaks excepted. */
function blank(text: string, unwanted: (token: string) => boolean): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g;
  return text.replace(token, (found) => (unwanted(found) ? found.replace(/[^\n]/g, ' ') : found));
}

function importsOf(code: string): Import[] {
  const statement = /^[ \t]*(?:import|(?:import|export)\b(\s+type\b)?[^'"`;()=]*?\bfrom)\s*(['"])([^'"\n]+)\2/gm;
  const call = /\b(import|require)\s*\(\s*(['"`])([^'"`\n]+)\2/g;
  return [
    ...[...code.matchAll(statement)].map((found) => ({
      specifier: found[3] as string,
      line: lineAt(code, found.index),
    })),
    ...[...code.matchAll(call)].map((found) => ({
      specifier: found[3] as string,
      line: lineAt(code, found.index),
    })),
  ];
}

function matches(text: string, pattern: RegExp): { text: string; line: number }[] {
  return [...text.matchAll(pattern)].map((found) => ({ text: found[0], line: lineAt(text, found.index) }));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function at(source: Source, line: number, rule: string): string {
  return `src/${source.path}:${line}: ${rule}`;
}
