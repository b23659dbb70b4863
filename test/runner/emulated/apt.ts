/** Debian's packages, fetched and not installed: for this machine's processor, or, with an apt of its own, for another. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runHere } from './run.ts';

export interface Apt {
  /** The dependency of a package whose name is like that; undefined where there is no such package. */
  dependency(name: string, like: RegExp): string | undefined;
  /** Fetches the package's file into a directory. */
  download(name: string, directory: string): void;
}

export interface ForeignApt extends Apt {
  /** Fetches packages with all that they depend on. @returns the directory with the files */
  downloadAll(names: readonly string[]): string;
}

/** The machine's own. */
export function ownApt(): Apt {
  return aptWith([]);
}

/**
 * One for another processor (Debian's name of it), with lists and a status of its own in a directory: the machine's dpkg
 * learns of no other architecture, and since nothing counts as installed there, a dependency is always fetched.
 */
export function foreignApt(architecture: string, directory: string): ForeignApt {
  const archives = join(directory, 'archives');
  for (const path of [join(directory, 'lists/partial'), join(archives, 'partial')])
    mkdirSync(path, { recursive: true });
  writeFileSync(join(directory, 'status'), '');
  const options = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root', // another user may have no access to the directory
    'Dir::State': directory,
    'Dir::State::status': join(directory, 'status'),
    'Dir::Cache': directory,
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const install = ['apt-get', ...words, '-q', 'install', '-y', '--download-only', '--no-install-recommends'];
  return {
    ...aptWith(words),
    downloadAll(names) {
      withLists(words, '/', [...install, ...names]);
      return archives;
    },
  };
}

/** Fetches the packages' files into a directory, with those they depend on, less what this machine has installed. */
export function downloadMissing(names: readonly string[], directory: string): void {
  const options = ['-o', `Dir::Cache::archives=${directory}`, '-o', 'APT::Sandbox::User=root'];
  withLists([], '/', [
    'apt-get',
    ...options,
    '-q',
    'install',
    '-y',
    '--download-only',
    '--no-install-recommends',
    ...names,
  ]);
}

function aptWith(options: readonly string[]): Apt {
  return {
    dependency(name, like) {
      const listed = withLists(options, '/', ['apt-cache', ...options, 'depends', '--important', name]);
      return [...listed.matchAll(/Depends: (\S+)/g)].map(([, found = '']) => found).find((found) => like.test(found));
    },
    download: (name, directory) => void withLists(options, directory, ['apt-get', ...options, '-q', 'download', name]),
  };
}

/** Package lists may be missing, or out of date: then they are fetched first. */
function withLists(options: readonly string[], directory: string, argv: readonly string[]): string {
  try {
    return runHere(directory, argv);
  } catch {
    runHere(directory, ['apt-get', ...options, '-q', 'update']);
    return runHere(directory, argv);
  }
}
