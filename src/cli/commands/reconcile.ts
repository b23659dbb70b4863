/** `trestle reconcile`: puts back what the records of living attachments say and the node lacks. */

import { withNode } from '../../resources/node.ts';
import { defineCommand, FINDINGS, HEALTHY, type Terminal } from '../context.ts';
import {
  type DryRunFlag,
  dryRunFlag,
  type JsonFlag,
  jsonFlag,
  type NetworkFlag,
  networkFlag,
  type PlaceFlags,
  placeFlags,
} from '../flags.ts';
import { podText, takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';
import { type Cell, table } from '../output/table.ts';
import { type Passed, passOver } from '../upkeep/pass.ts';

const HEADER = ['NETWORK', 'CONTAINER', 'INTERFACE', 'RESULT', 'WHAT'];
const SHORT_ID = 12;

/** `lost`: something is off, and `--dry-run` left it; `failed`: something is still off. */
export type Result = 'whole' | 'restored' | 'lost' | 'failed' | 'skipped';

export const reconcile = defineCommand<JsonFlag & PlaceFlags & NetworkFlag & DryRunFlag>({
  brief: 'Put back what records say and this node lacks',
  description:
    'Compares what the record of each living attachment says with the node, and puts back what is missing: rules after a flush, gateways, accepts, guards, masquerading, forwarding, a bridge that was deleted, the port on its bridge, links that are down, addresses and routes in the container. A veth pair that is gone cannot be put back: restart the container. Attachments that are dead, being made or being removed are left alone. It may be run at any time, and twice. The exit status is 1 where something is still off; with --dry-run, where something is off.',
  parameters: { flags: { ...dryRunFlag, ...jsonFlag, ...networkFlag, ...placeFlags } },
  run({ terminal, variables, log }, { dryRun = false, json, network, ...place }) {
    const passed = withNode(variables.PATH ?? '', log, (node) =>
      passOver(node, takeInventory(node, place, network), { isDryRun: dryRun }),
    );
    if (json === true) writeJson(terminal, { dryRun, attachments: passed.map((one) => passedJson(one, dryRun)) });
    else show(terminal, passed, dryRun);
    return passed.some(({ left }) => left.length > 0) ? FINDINGS : HEALTHY;
  },
});

/** What became of an attachment, in a word. */
function resultOf({ restored, left, reason, listed }: Passed, isDryRun: boolean): Result {
  if (left.length > 0) return isDryRun ? 'lost' : 'failed';
  if (restored.length > 0) return 'restored';
  return reason !== undefined || listed.life.state !== 'alive' ? 'skipped' : 'whole';
}

/** An attachment as `reconcile --json` prints it. */
function passedJson(passed: Passed, isDryRun: boolean) {
  const { listed, restored, left, reason } = passed;
  const { network, dataDir, containerId, pod, ifName } = listed;
  return {
    ...{ network, dataDir, containerID: containerId, pod: podText(pod) || undefined, ifName },
    ...{ result: resultOf(passed, isDryRun), restored, left, reason },
  };
}

function show(terminal: Terminal, passed: readonly Passed[], isDryRun: boolean): void {
  if (passed.length === 0) {
    terminal.write('No attachments.\n');
    return;
  }
  const style = styleFor(terminal);
  const paints = { whole: style.green, restored: style.cyan, lost: style.red, failed: style.red, skipped: style.dim };
  const rows = passed.map((one): Cell[] => {
    const { network, containerId, pod, ifName } = one.listed;
    const result = resultOf(one, isDryRun);
    const who = podText(pod) || containerId.slice(0, SHORT_ID);
    return [network, who, ifName, { text: result, paint: paints[result] }, whatOf(one)];
  });
  terminal.write(table(HEADER, rows));
  const advice = new Set(passed.flatMap(({ left }) => left.flatMap(({ details }) => details ?? [])));
  if (isDryRun && advice.size > 0) terminal.write('\n"trestle reconcile" puts it back.\n');
  else for (const one of advice) terminal.write(`\n${one}\n`);
}

/** All that was or is off, in one cell. */
function whatOf({ restored, left, reason }: Passed): string {
  const losses = [...left, ...restored].map(({ kind, finding }) => `${kind}: ${finding}`);
  return [...losses, ...(reason === undefined ? [] : [reason])].join('; ');
}
