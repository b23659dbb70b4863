/** The files in the data directories: ours, and those of host-local's layout that nobody uses any more. */

import { collecting } from '../../../attempt.ts';
import { listNetworks, ownRoot } from '../../../ipam/index.ts';
import { listDirectory, statLink } from '../../../sys/directory.ts';
import { unlessMissing, unlinkFile } from '../../../sys/file.ts';
import { removeDirectory } from '../../../sys/placement.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import type { Step } from '../step.ts';

/** What is in the directory of a network's leases besides leases. */
const NO_LEASE = /^(?:lock|last_reserved_ip\.\d+)$/;

/** Removes what is ours in the data directories. A network with leases of another program keeps its directory. @throws Fault `io` */
export function fileSteps({ dataDirs, attachments }: Inventory): Step[] {
  return dataDirs.flatMap((dataDir) => {
    const own = ownRoot(dataDir);
    const networks = listNetworks(dataDir);
    const steps = networks.map((network): Step => {
      const subject = `${dataDir}/${network}`;
      const isForeign = (one: Inventory['attachments'][number]) => one.network === network && one.dataDir === dataDir;
      if (attachments.some((one) => isForeign(one) && one.record === undefined)) {
        return { action: 'keep', subject, note: 'leases of another program are in it' };
      }
      return { action: 'remove', subject, run: () => removeLeaseDirectory(subject) };
    });
    if (statLink(own) === undefined) return steps;
    const run = () => {
      removeTree(own);
      collecting(() => removeDirectory(dataDir)); // other networks may be in it
    };
    return [...steps, { action: 'remove', subject: own, run }];
  });
}

/** A lease that has come meanwhile stays, and the directory with it. */
function removeLeaseDirectory(path: string): void {
  const names = unlessMissing(() => listDirectory(path));
  if (names === undefined || !names.every((name) => NO_LEASE.test(name))) return;
  for (const name of names) unlessMissing(() => unlinkFile(`${path}/${name}`));
  unlessMissing(() => removeDirectory(path));
}

/** Our own directory has directories of networks, and files in them. */
function removeTree(path: string): void {
  for (const name of unlessMissing(() => listDirectory(path)) ?? []) {
    const inner = `${path}/${name}`;
    if (statLink(inner)?.isDirectory) removeTree(inner);
    else unlessMissing(() => unlinkFile(inner));
  }
  unlessMissing(() => removeDirectory(path));
}
