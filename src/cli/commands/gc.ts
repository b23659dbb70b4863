/** `trestle gc`: removes what is left of attachments that are provably gone. */

import { formatIp } from '../../address/ip.ts';
import { silentLog } from '../../log.ts';
import { type Node, withNode } from '../../resources/node.ts';
import { defineCommand, FINDINGS, HEALTHY, misuse, type Terminal } from '../context.ts';
import {
  type DryRunFlag,
  dryRunFlag,
  type JsonFlag,
  jsonFlag,
  type NetworkFlag,
  networkFlag,
  type PlaceFlags,
  placeFlags,
  text,
} from '../flags.ts';
import { type Inventory, type Listed, takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';
import { table } from '../output/table.ts';
import { type Collected, collectGarbage, findGarbage, type Garbage, garbageOf } from '../upkeep/garbage.ts';

interface Flags extends JsonFlag, PlaceFlags, NetworkFlag, DryRunFlag {
  readonly attachment?: string;
}

const HEADER = ['KIND', 'NETWORK', 'SUBJECT', 'WHY'];

export const gc = defineCommand<Flags>({
  brief: 'Remove what is left of attachments that are gone',
  description:
    'Removes what is provably dead, with all that it has on the node: attachments whose network namespace is gone, leases of an earlier boot, empty lease files, records that cannot be read, host veths and entries of packet filters without an owner. What cannot be proved dead is kept, and shown. The data directories of other runtimes are left alone. With --attachment it removes that one, unless it is alive. The exit status is 1 where something could not be removed; with --dry-run, where something would be.',
  parameters: {
    flags: {
      ...dryRunFlag,
      attachment: {
        kind: 'parsed',
        parse: text,
        optional: true,
        placeholder: 'ID[:IFNAME]',
        brief: 'Remove this attachment alone: a container ID, or the beginning of one, and an interface',
      },
      ...jsonFlag,
      ...networkFlag,
      ...placeFlags,
    },
  },
  run({ terminal, variables }, { dryRun = false, json, network, attachment, ...place }) {
    return withNode(variables.PATH ?? '', silentLog, (node) => {
      const inventory = takeInventory(node, place, network);
      const garbage = attachment === undefined ? findGarbage(node, inventory) : [named(node, inventory, attachment)];
      const kept = attachment === undefined ? undecided(inventory, garbage) : [];
      if (json !== true) announce(terminal, garbage, kept);
      const collected = dryRun ? [] : collect(node, inventory, garbage);
      if (json === true) {
        const items = dryRun ? garbage.map(garbageJson) : collected.map(collectedJson);
        writeJson(terminal, { dryRun, garbage: items, kept: kept.map(keptJson) });
      } else if (!dryRun) report(terminal, collected);
      const isClean = dryRun ? garbage.length === 0 : collected.every(({ outcome }) => outcome !== 'failed');
      return isClean ? HEALTHY : FINDINGS;
    });
  },
});

/** The attachment of a command line. @throws Fault where there is none, or several, or it is alive */
function named(node: Node, inventory: Inventory, wanted: string): Garbage {
  const [id = '', ifName] = wanted.split(':');
  const isMeant = (one: Listed) => one.containerId.startsWith(id) && (ifName === undefined || one.ifName === ifName);
  const exact = inventory.attachments.filter((one) => one.containerId === id && isMeant(one));
  const found = exact.length > 0 ? exact : inventory.attachments.filter((one) => id !== '' && isMeant(one));
  const [first, second] = found;
  if (first === undefined) {
    throw misuse(`cannot remove ${wanted}: there is no such attachment`, '"trestle list" shows all of them.');
  }
  if (second !== undefined) {
    const names = found.map(({ network, containerId, ifName: name }) => `${containerId}:${name} on ${network}`);
    throw misuse(`cannot remove ${wanted}: ${found.length} attachments have that name`, `${names.join(', ')}.`);
  }
  if (first.life.state === 'alive') {
    throw misuse(
      `cannot remove ${wanted}: it is alive, ${first.life.evidence}`,
      'Have the container runtime remove the container, which runs DEL.',
    );
  }
  const garbage = garbageOf(node, inventory, first);
  if (garbage !== undefined) return garbage;
  throw misuse(`cannot remove ${wanted}: nothing of it is left`);
}

/** The attachments of which nothing proves that they are dead, or alive, without those whose leases are garbage. */
function undecided({ attachments }: Inventory, garbage: readonly Garbage[]): Listed[] {
  const gone = new Set(garbage.flatMap(leasesOf));
  const isGarbage = ({ record, dataDir, network, addresses }: Listed) =>
    record === undefined && addresses.every((address) => gone.has(`${dataDir}/${network}/${address}`));
  return attachments.filter((one) => one.life.state === 'unknown' && !isGarbage(one));
}

/** The paths of the leases that go with it. */
function leasesOf({ dataDir, network, doomed, path }: Garbage): string[] {
  const addresses = doomed?.addresses.map((ip) => `${dataDir}/${network}/${formatIp(ip)}`) ?? [];
  return path === undefined ? addresses : [...addresses, path];
}

/** Removes the garbage, then what only was in use by it, such as the accept of a bridge without ports. */
function collect(node: Node, inventory: Inventory, garbage: readonly Garbage[]): Collected[] {
  const collected = collectGarbage(node, inventory, garbage);
  if (garbage.length === 0) return collected;
  const isAccept = ({ kind, subject }: Garbage) =>
    kind === 'accept' && !garbage.some((one) => one.kind === kind && one.subject === subject);
  const after = findGarbage(node, { ...inventory, networks: [] }).filter(isAccept);
  return [...collected, ...collectGarbage(node, inventory, after)];
}

function garbageJson({ kind, network, dataDir, subject, why }: Garbage) {
  return { kind, network, dataDir, subject, why };
}

function collectedJson({ garbage, outcome, reason }: Collected) {
  return { ...garbageJson(garbage), outcome, reason };
}

function keptJson({ network, dataDir, containerId, ifName, addresses, life }: Listed) {
  return { network, dataDir, containerID: containerId, ifName, addresses, why: life.evidence };
}

function announce(terminal: Terminal, garbage: readonly Garbage[], kept: readonly Listed[]): void {
  const style = styleFor(terminal);
  const rows = garbage.map(({ kind, network = '', subject, why }) => [
    { text: kind, paint: style.yellow },
    network,
    subject,
    why,
  ]);
  terminal.write(rows.length === 0 ? 'Nothing is left over.\n' : table(HEADER, rows));
  if (kept.length === 0) return;
  const lines = kept.map(({ network, containerId, ifName, addresses, life }) => [
    { text: 'kept', paint: style.dim },
    network,
    [containerId, ifName, ...addresses].filter((part) => part !== '').join(' '),
    life.evidence,
  ]);
  terminal.write(`\nNothing proves these dead; "trestle gc --attachment ID" removes one:\n${table(HEADER, lines)}`);
}

function report(terminal: Terminal, collected: readonly Collected[]): void {
  if (collected.length === 0) return;
  const removed = collected.filter(({ outcome }) => outcome === 'removed').length;
  terminal.write(`\nRemoved ${removed} of ${collected.length}.\n`);
  for (const { garbage, outcome, reason } of collected) {
    if (outcome === 'changed') terminal.write(`${garbage.subject}: it has changed meanwhile, and was left alone.\n`);
    if (outcome === 'failed') terminal.write(`${garbage.subject}: ${reason ?? 'it could not be removed'}\n`);
  }
}
