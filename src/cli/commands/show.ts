/** `trestle show THING`: everything about an attachment, every resource of it with its verdict. */

import { formatCidr } from '../../address/cidr.ts';
import { formatIp } from '../../address/ip.ts';
import { podText, recordFile } from '../../ipam/index.ts';
import { addressingKind } from '../../resources/addressing/addressing.ts';
import { recordedPlan } from '../../resources/attachment.ts';
import { type Node, withNode } from '../../resources/node.ts';
import { wantedOf } from '../../resources/plan.ts';
import { defineCommand, FINDINGS, HEALTHY, misuse } from '../context.ts';
import { type JsonFlag, jsonFlag, type PlaceFlags, placeFlags, text } from '../flags.ts';
import { type Inventory, type Listed, takeInventory } from '../inventory/inventory.ts';
import { type Candidate, findThing } from '../inventory/thing.ts';
import { ageText } from '../output/age.ts';
import { writeJson } from '../output/json.ts';
import { type Style, styleFor } from '../output/style.ts';
import { facts, table } from '../output/table.ts';
import { whatItIs } from '../show/elsewhere.ts';
import { type Verdict, verdictsOn } from '../show/verdicts.ts';
import { listedJson, stateCell } from './list.ts';

/** An attachment with all that is known of it. */
interface Shown {
  readonly listed: Listed;
  readonly gateways: readonly string[];
  /** `0.0.0.0/0 via 10.1.0.1`. */
  readonly routes: readonly string[];
  /** Undefined for a lease without a record. */
  readonly recordFile: string | undefined;
  readonly verdicts: readonly Verdict[];
}

export const show = defineCommand<JsonFlag & PlaceFlags, [string]>({
  brief: 'Show everything about one attachment',
  description:
    'Shows what is known of an attachment, and verifies each resource of its plan. THING is a container ID or the beginning of one, a pod (web-0 or shop/web-0), an address, a host veth, the path of a netns or a process ID. The exit status is 1 where a resource is not as it should be, and 2 where nothing, or more than one container, is found.',
  parameters: {
    flags: { ...jsonFlag, ...placeFlags },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'A container ID, pod, address, host veth, netns path or process ID',
          parse: text,
          placeholder: 'THING',
        },
      ],
    },
  },
  run({ terminal, variables, log }, { json, ...place }, thing) {
    const shown = withNode(variables.PATH ?? '', log, (node) => {
      const inventory = takeInventory(node, place);
      return theOne(node, thing, inventory).attachments.map((listed) => everythingAbout(node, listed, inventory));
    });
    if (json === true) writeJson(terminal, shown.map(shownJson));
    else terminal.write(shown.map((one) => shownText(one, styleFor(terminal))).join('\n'));
    return shown.some(({ verdicts }) => verdicts.some(({ verdict }) => verdict === 'off')) ? FINDINGS : HEALTHY;
  },
});

/** @throws Fault of `misuse` where nothing is found, or more than one */
function theOne(node: Node, thing: string, inventory: Inventory): Candidate {
  const { candidates, sought } = findThing(thing, inventory);
  const [first] = candidates;
  const quoted = JSON.stringify(thing);
  if (first === undefined) {
    const { attachments, dataDirs } = inventory;
    const places =
      dataDirs.length === 0 ? 'there is no data directory' : `the data directory is ${dataDirs.join(', ')}`;
    const among = attachments.length === 1 ? 'the 1 attachment' : `${attachments.length} attachments`;
    const details = whatItIs(node, thing, inventory) ?? `Sought ${sought.join(', ')} among ${among}; ${places}.`;
    throw misuse(`no attachment is found for ${quoted}`, details);
  }
  if (candidates.length === 1) return first;
  const rows = candidates
    .flatMap(({ attachments }) => attachments)
    .map((one) => [
      one.network,
      podText(one.pod),
      one.containerId,
      one.ifName,
      one.addresses.join(' '),
      one.life.state,
    ]);
  const list = table(['NETWORK', 'POD', 'CONTAINER', 'INTERFACE', 'ADDRESSES', 'STATE'], rows);
  throw misuse(`${quoted} is ambiguous; it may be any of`, list.trimEnd());
}

function everythingAbout(node: Node, listed: Listed, inventory: Inventory): Shown {
  const { record, dataDir } = listed;
  const isAddressing = ({ name }: { readonly name: string }) => name === addressingKind.name;
  const plan = record === undefined ? [] : recordedPlan(record, record, dataDir, node.log, isAddressing);
  const wanted = wantedOf(plan, addressingKind);
  return {
    listed,
    gateways: wanted.flatMap(({ addresses }) =>
      addresses.flatMap(({ gateway }) => (gateway ? [formatIp(gateway)] : [])),
    ),
    routes: wanted.flatMap(({ routes }) =>
      routes.map(({ dst, gw }) => `${formatCidr(dst)}${gw === undefined ? '' : ` via ${formatIp(gw)}`}`),
    ),
    recordFile: record && recordFile(dataDir, record),
    verdicts: verdictsOn(node, listed, inventory),
  };
}

/** What `show --json` prints for an attachment: that of `list`, and more. */
function shownJson({ listed, gateways, routes, recordFile: file, verdicts }: Shown) {
  return { ...listedJson(listed), gateways, routes, recordFile: file, resources: verdicts };
}

function shownText({ listed, gateways, routes, recordFile: file, verdicts }: Shown, style: Style): string {
  const { network, containerId, pod, ifName, addresses, hostVeth, bridge, netns, life, createdAt, dataDir } = listed;
  const name = podText(pod) || containerId;
  const state = stateCell(life, style);
  const age = createdAt === undefined ? '' : `${ageText(Date.parse(createdAt), Date.now())}, since ${createdAt}`;
  const head = facts(
    [
      ['network', network],
      ...(pod?.name === undefined ? [] : [['pod', podText(pod)] as const]),
      ['container', containerId],
      ['interface', ifName],
      ['addresses', addresses.join(' ')],
      ['gateways', gateways.join(' ')],
      ['routes', routes.join(', ')],
      ['host veth', hostVeth ?? ''],
      ['bridge', bridge ?? ''],
      ['netns', netns === undefined ? '' : `${netns.path} (inode ${netns.inode})`],
      [
        'state',
        { text: `${life.state}: ${life.evidence}`, paint: typeof state === 'string' ? (it) => it : state.paint },
      ],
      ['age', age],
      ['data directory', dataDir],
      ['record', file ?? 'none, there is a lease alone'],
    ],
    '  ',
  );
  return `${style.bold(`${name} ${ifName}`.trim())}\n${head}${verdictsText(verdicts, style)}`;
}

function verdictsText(verdicts: readonly Verdict[], style: Style): string {
  if (verdicts.length === 0) return '';
  const paint = { ok: style.green, off: style.red, 'not checked': style.yellow };
  const rows = verdicts.map(({ kind, wanted, verdict, reason }) => [
    { text: verdict, paint: paint[verdict] },
    kind,
    reason === undefined ? wanted : `${wanted}: ${reason}`,
  ]);
  const lines = table(['VERDICT', 'RESOURCE', 'WHAT'], rows);
  const advice = [...new Set(verdicts.flatMap(({ advice: one }) => one ?? []))];
  return `\n${indented(lines)}${advice.length === 0 ? '' : `\n${indented(`${advice.join('\n')}\n`)}`}`;
}

function indented(lines: string): string {
  return lines.replace(/^(?=.)/gm, '  ');
}
