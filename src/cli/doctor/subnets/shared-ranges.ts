/** Networks that give out the same addresses on one bridge: each knows only its own leases. */

import { formatIp } from '../../../address/ip.ts';
import { editCommand } from '../attachments/commands.ts';
import type { Attached, View } from '../attachments/view.ts';
import type { Finding } from '../examination.ts';
import type { ConfiguredRanges } from '../store/ranges.ts';

/**
 * A finding for each pair of configurations whose ranges overlap on one bridge, and for each network without a configuration
 * that has an attachment in another's range.
 */
export function sharedRanges(view: View, ranges: readonly ConfiguredRanges[]): Finding[] {
  const own = ranges.filter(({ bridge }) => bridge !== '');
  const pairs = own.flatMap((one, at) => {
    const other = own.slice(at + 1).find((each) => isOther(one, each) && overlap(one, each) !== undefined);
    return other === undefined
      ? []
      : [sharing(other, `the network ${one.plan.network} (${one.file})`, overlap(one, other) ?? '')];
  });
  const configured = new Set(own.map(({ plan }) => `${plan.dataDir}/${plan.network}`));
  const others = view.attached.filter(({ dataDir, network }) => !configured.has(`${dataDir}/${network}`));
  const taken = own.flatMap((one) => {
    const found = others
      .map((each) => ({ each, address: addressIn(view, one, each) }))
      .find(({ address }) => address !== '');
    return found === undefined ? [] : [sharing(one, `the network ${found.each.network}`, found.address)];
  });
  return [...pairs, ...taken];
}

function sharing({ file, bridge, plan }: ConfiguredRanges, other: string, what: string): Finding {
  return {
    level: 'error',
    code: 'networks-share-range',
    subject: `network ${plan.network}`,
    what: `${other} gives out the same addresses on ${bridge}: two containers may get the same one`,
    evidence: `both have ${what}`,
    fix: editCommand(file),
    isSafe: false,
  };
}

/** On the same bridge, but not by the same leases. */
function isOther(one: ConfiguredRanges, other: ConfiguredRanges): boolean {
  const isSameStore = one.plan.network === other.plan.network && one.plan.dataDir === other.plan.dataDir;
  return one.bridge === other.bridge && !isSameStore;
}

/** The first stretch that both give out, as text. */
function overlap({ plan: one }: ConfiguredRanges, { plan: other }: ConfiguredRanges): string | undefined {
  for (const a of one.rangeSets.flatMap(({ ranges }) => ranges)) {
    for (const b of other.rangeSets.flatMap(({ ranges }) => ranges)) {
      if (a.family !== b.family || a.first > b.last || b.first > a.last) continue;
      // The second and third of the four ends are those of what both have.
      const [, first = a.first, last = a.last] = [a.first, a.last, b.first, b.last].sort((x, y) => (x < y ? -1 : 1));
      return `${formatIp({ family: a.family, value: first })} to ${formatIp({ family: a.family, value: last })}`;
    }
  }
  return undefined;
}

/** An address of the attachment that the ranges hold; empty where there is none. */
function addressIn(view: View, { bridge, plan }: ConfiguredRanges, { wanted }: Attached): string {
  if (wanted.port?.bridge !== bridge) return '';
  const ranges = plan.rangeSets.flatMap((set) => set.ranges);
  const found = wanted.addressing?.addresses.find(({ address }) => {
    const ip = view.cidr(address)?.ip;
    return (
      ip && ranges.some(({ family, first, last }) => family === ip.family && first <= ip.value && ip.value <= last)
    );
  });
  return found?.address ?? '';
}
