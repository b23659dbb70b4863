/** `trestle uninstall`: takes the plugin off the node, with --purge everything that it ever made there. */

import { Fault } from '../../fault.ts';
import { type Node, withNode } from '../../resources/node.ts';
import { statPath } from '../../sys/directory.ts';
import { type Context, defineCommand, HEALTHY, misuse } from '../context.ts';
import { type JsonFlag, jsonFlag, placeFlags as leaseFlags } from '../flags.ts';
import { dryRunFlag, placeFlags, type StepFlags } from '../install/flags.ts';
import { readManifest } from '../install/manifest.ts';
import { attachmentSteps, type Occupant, occupantsOf } from '../install/purge/attachments.ts';
import { fileSteps } from '../install/purge/files.ts';
import { filterSteps } from '../install/purge/filters.ts';
import { linkSteps } from '../install/purge/links.ts';
import { programSteps, textSteps } from '../install/removal.ts';
import { carryOut, type Step, showStep, stepJson } from '../install/step.ts';
import { type Inventory, takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';

interface Flags extends JsonFlag, StepFlags {
  readonly purge?: boolean;
  readonly dataDir?: readonly string[];
}

/** So many attachments are named in the refusal of a purge. */
const SHOWN = 10;

export const uninstall = defineCommand<Flags>({
  brief: 'Take the plugin off this node',
  description:
    'Removes what "trestle install" wrote, and puts back what was there before. A file that was changed since is left alone, unless --force is given. With --purge, everything that Trestle made on the node goes as well: leases, records, tables and chains of the packet filters, bridges without other ports. A purge is refused while containers are attached; with --force, they lose their network.',
  parameters: {
    flags: {
      ...jsonFlag,
      ...dryRunFlag,
      purge: { kind: 'boolean', optional: true, withNegated: false, brief: 'Remove what was made on the node, too' },
      force: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Remove changed files, and with --purge attached containers from their networks',
      },
      ...placeFlags,
      dataDir: leaseFlags.dataDir,
    },
  },
  run(context, flags) {
    const { variables, log } = context;
    if (flags.purge !== true && statPath(flags.manifest) === undefined) {
      throw misuse(
        `cannot uninstall: there is no manifest ${flags.manifest}`,
        'Nothing was installed by "trestle install", or --manifest names another file. --purge works without one.',
      );
    }
    withNode(variables.PATH ?? '', log, (node) => carryOutOn(node, context, flags));
    return HEALTHY;
  },
});

function carryOutOn(node: Node, { terminal }: Context, flags: Flags): void {
  const { json, dryRun = false, purge = false, force = false, confDir, dataDir, manifest: file } = flags;
  const inventory = takeInventory(node, { confDir, ...(dataDir && { dataDir }) });
  const occupants = occupantsOf(node, inventory);
  if (purge && !force) refuseOccupied(occupants);
  const manifest = readManifest(file);
  const steps = [
    ...textSteps(manifest, force),
    ...(purge ? purgeSteps(node, inventory) : []),
    ...programSteps(file, manifest, force),
  ];
  carryOut(steps, dryRun, (step) => (json === true ? undefined : showStep(terminal, step)));
  if (json === true) {
    writeJson(terminal, { dryRun, steps: steps.map(stepJson), attached: occupants });
    return;
  }
  if (!purge && occupants.length > 0) {
    const many = occupants.length === 1 ? '1 container is' : `${occupants.length} containers are`;
    terminal.write(`\n${many} still attached: to delete them, the runtime needs the plugin.\n`);
  }
  if (dryRun) terminal.write('\nNothing was changed (--dry-run).\n');
}

/** In an order in which nothing is removed that something else still uses. */
function purgeSteps(node: Node, inventory: Inventory): Step[] {
  return [
    ...attachmentSteps(node, inventory),
    ...linkSteps(node, inventory.links),
    ...filterSteps(node),
    ...fileSteps(inventory),
  ];
}

function refuseOccupied(occupants: readonly Occupant[]): void {
  if (occupants.length === 0) return;
  const named = occupants.slice(0, SHOWN).map(({ name, state, evidence }) => `  ${name}: ${state}, ${evidence}`);
  const more = occupants.length > SHOWN ? [`  and ${occupants.length - SHOWN} more; see "trestle list"`] : [];
  const many = occupants.length === 1 ? '1 container is' : `${occupants.length} containers are`;
  throw new Fault('conflict', `cannot purge: ${many} attached, or may be`, {
    details: [...named, ...more, 'Remove them first. With --force, they lose their network.'].join('\n'),
  });
}
