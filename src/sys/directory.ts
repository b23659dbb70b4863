/** Directories and links, which only GC and its like read: for them node:fs is loaded when it is wanted. */

/** The names in a directory, in no order. @throws Error with `code`, as node:fs has it */
export function listDirectory(path: string): string[] {
  return nodeFs().readdirSync(path);
}

/** What a symbolic link says. @throws Error with `code`, as node:fs has it */
export function readLink(path: string): string {
  return nodeFs().readlinkSync(path);
}

function nodeFs(): typeof import('node:fs') {
  return require('node:fs') as typeof import('node:fs');
}
