/** Records and leases that lack each other: what is on the node without a record, and what has a record without a lease. */

import { type BrokenRecord, type LeaseLook, leaseNames, lookAtLease, unknown } from '../../../ipam/index.ts';
import { aliasOwner } from '../../../resources/names.ts';
import type { Listed } from '../../inventory/inventory.ts';
import { gcCommand, restartCommand } from '../attachments/commands.ts';
import { subjectOf } from '../attachments/view.ts';
import { commandOf, word } from '../command-lines.ts';
import type { Examination, Finding } from '../examination.ts';
import { isOfEarlierBoot } from './dead.ts';
import type { NetworkView, Stray } from './networks.ts';

type Holder = Pick<Listed, 'containerId' | 'ifName'>;

/** A broken record explains the lease and the veth of its attachment, and a veth explains its lease. */
export function examineUnrecorded(examination: Examination, network: NetworkView): Finding[] {
  const { broken, strays, unrecorded } = network;
  const explained = new Set(broken.flatMap(({ attachment }) => (attachment === undefined ? [] : [keyOf(attachment)])));
  const lost = strays.filter(({ attachment }) => attachment === undefined || !explained.has(keyOf(attachment)));
  const findings = [
    ...broken.map((one) => brokenRecord(examination, network, one)),
    ...lost.map((one) => lostRecord(examination, network, one)),
  ];
  for (const { attachment } of lost) if (attachment !== undefined) explained.add(keyOf(attachment));
  const rest = unrecorded.filter((one) => !explained.has(keyOf(one)) && !isOfEarlierBoot(one));
  return [...findings, ...rest.flatMap((one) => strayLease(examination, network, one))];
}

/** The leases of recorded attachments that are not dead: each is there, and is the attachment's own. */
export function examineLeases(examination: Examination, { network, dataDir, recorded }: NetworkView): Finding[] {
  const there = new Set(leaseNames(dataDir, network));
  return recorded.flatMap((one) => {
    if (one.life.state === 'dead') return [];
    const wrong = one.addresses.map(withoutLength).flatMap((address) => {
      if (!there.has(address)) return [{ address, look: lookAtLease(dataDir, network, address) }];
      const look = lookAtLease(dataDir, network, address);
      return isHeldBy(look, one) ? [] : [{ address, look }];
    });
    const missing = wrong.filter(({ look: { holder } }) => holder === undefined).map(({ look }) => look);
    const [taken] = wrong.filter(({ look: { holder } }) => holder !== undefined);
    return [
      ...(missing.length === 0 ? [] : [lostLeases(one, missing)]),
      ...(taken === undefined ? [] : [takenLease(examination, one, taken.address, taken.look)]),
    ];
  });
}

function brokenRecord(
  examination: Examination,
  network: NetworkView,
  { path, complaint, attachment }: BrokenRecord,
): Finding {
  const listed = attachment && listedFor(network, attachment);
  const isUsed =
    attachment !== undefined &&
    (network.strays.some((one) => one.attachment !== undefined && keyOf(one.attachment) === keyOf(attachment)) ||
      network.unrecorded.some((one) => keyOf(one) === keyOf(attachment)));
  return {
    level: 'error',
    code: 'record-broken',
    subject: listed === undefined ? path : subjectOf(listed),
    what: isUsed
      ? 'its record cannot be read, so nothing is put back for it, and DEL finds its host veth and leases alone'
      : 'a record cannot be read, and nothing on the node is of its attachment',
    evidence: complaint,
    fix: isUsed && listed !== undefined ? restartCommand(examination, listed) : gcCommand(examination, network.dataDir),
    isSafe: !isUsed,
  };
}

function lostRecord(examination: Examination, network: NetworkView, { link, attachment }: Stray): Finding {
  const listed = attachment && listedFor(network, attachment);
  return {
    level: 'error',
    code: 'record-missing',
    subject: listed === undefined ? `host veth ${link.name}` : subjectOf(listed),
    what: 'it is attached and has no record, so another container may get its address',
    evidence: `the alias of ${link.name} is ${aliasOwner(link.alias)}, and no record in ${network.dataDir} is of it`,
    fix: listed === undefined ? commandOf('ip', 'link', 'delete', link.name) : restartCommand(examination, listed),
    isSafe: false,
  };
}

/** A lease that neither a record nor a host veth explains. Beside ports of other programs it may be in use. */
function strayLease(examination: Examination, network: NetworkView, one: Listed): Finding[] {
  const paths = one.addresses.map((address) => `${network.dataDir}/${network.network}/${address}`);
  const remove = commandOf('rm', ...paths);
  const addresses = one.addresses.join(' and ');
  if (one.ifName === '' && one.containerId.startsWith('(')) {
    const isEmpty = one.containerId.includes('empty');
    return [
      {
        level: 'warning',
        code: 'lease-broken',
        subject: `network ${network.network}`,
        what: `${addresses} cannot be leased: the file names no holder`,
        evidence: `${paths.join(' and ')}: ${one.containerId.slice(1, -1)}`,
        fix: isEmpty && network.isOurs ? gcCommand(examination, network.dataDir) : remove,
        isSafe: isEmpty,
      },
    ];
  }
  if (!network.isOurs || hasForeignPorts(examination, network)) return [];
  return [
    {
      level: 'warning',
      code: 'lease-without-record',
      subject: subjectOf(one),
      what: `${addresses} is leased, and no record or host veth says by which attachment of this node`,
      evidence: `${paths.join(' and ')} names the container ${one.containerId}`,
      fix: remove,
      isSafe: false,
    },
  ];
}

/** Whether the network's bridges have ports of other programs, such as the reference plugin, which keeps no records. */
function hasForeignPorts({ inventory }: Examination, { recorded }: NetworkView): boolean {
  const names = new Set(recorded.map(({ bridge }) => bridge));
  const bridges = new Set(inventory.links.filter(({ name }) => names.has(name)).map(({ index }) => index));
  return inventory.links.some(
    ({ master, alias, kind }) => kind === 'veth' && master !== undefined && bridges.has(master) && alias === undefined,
  );
}

function lostLeases(one: NetworkView['recorded'][number], looks: readonly LeaseLook[]): Finding {
  const { containerId, ifName, record } = one;
  const put = ({ path, text }: LeaseLook) => {
    const write = `printf '%s\\r\\n%s' ${word(containerId)} ${word(ifName)} >${word(path)}`;
    const isMissing = text === undefined;
    return `${isMissing ? `(set -C; ${write})` : write} && touch -d ${word(record.createdAt)} ${word(path)}`;
  };
  const isBroken = looks.every(({ text }) => text !== undefined);
  return {
    level: 'error',
    code: isBroken ? 'lease-broken' : 'lease-missing',
    subject: subjectOf(one),
    what: isBroken
      ? 'its lease file names no holder, so the address may be leased again'
      : 'its lease file is gone, so another container may get its address',
    evidence: looks.map(({ path, said }) => `${path}: ${said}`).join('; '),
    fix: looks.map(put).join(' && '),
    isSafe: true,
  };
}

function takenLease(examination: Examination, one: Listed, address: string, { path, said }: LeaseLook): Finding {
  return {
    level: 'error',
    code: 'lease-held-by-another',
    subject: subjectOf(one),
    what: `another container holds the lease of its address ${address}: both may use it`,
    evidence: `${path}: ${said}`,
    fix: restartCommand(examination, one),
    isSafe: false,
  };
}

function isHeldBy({ holder }: LeaseLook, { containerId, ifName }: Holder): boolean {
  return holder?.containerId === containerId && (holder.ifName === '' || holder.ifName === ifName);
}

/** An attachment of which a name alone is known. */
function listedFor({ network, dataDir }: NetworkView, { containerId, ifName }: Holder): Listed {
  return {
    ...{ network, dataDir, containerId, ifName, addresses: [], life: unknown('there is no usable record') },
    ...{ pod: undefined, hostVeth: undefined, bridge: undefined, netns: undefined },
    ...{ createdAt: undefined, record: undefined },
  };
}

function keyOf({ containerId, ifName }: Holder): string {
  return `${containerId}:${ifName}`;
}

function withoutLength(address: string): string {
  const slash = address.lastIndexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}
