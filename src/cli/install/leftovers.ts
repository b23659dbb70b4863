/** Files that a killed `install` was writing, and that do not have their names yet. */

import { listDirectory } from '../../sys/directory.ts';
import { unlessMissing, unlinkFile } from '../../sys/file.ts';
import { writerOf } from '../../sys/placement.ts';
import { isRunning } from '../../sys/process.ts';
import type { Step } from './step.ts';

/** Removes, beside the paths, what no process writes any more. @throws SystemError */
export function leftoverSteps(paths: readonly string[]): Step[] {
  const directories = [...new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))))];
  const names = new Set(paths.map((path) => path.slice(path.lastIndexOf('/') + 1)));
  return directories.flatMap((directory) => {
    const found = unlessMissing(() => listDirectory(directory)) ?? [];
    return found.sort().flatMap((file): Step[] => {
      const writer = writerOf(file);
      if (writer === undefined || !names.has(writer.name) || isRunning(writer.pid)) return [];
      const subject = `${directory}/${file}`;
      const run = () => void unlessMissing(() => unlinkFile(subject));
      return [{ action: 'remove', subject, note: 'a process that was killed left it', run }];
    });
  });
}
