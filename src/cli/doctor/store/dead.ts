/** Attachments that are dead and still have their leases: for each network those of this boot, and those of earlier ones. */

import { bootedAtMs, bootId } from '../../../sys/clock.ts';
import { statPath } from '../../../sys/directory.ts';
import type { Listed } from '../../inventory/inventory.ts';
import { gcCommand } from '../attachments/commands.ts';
import { subjectOf } from '../attachments/view.ts';
import type { Examination, Finding } from '../examination.ts';
import type { NetworkView } from './networks.ts';

const SHOWN = 3;

/** What `trestle gc` removes of a network. */
export function examineDead(examination: Examination, network: NetworkView): Finding[] {
  const dead = network.recorded.filter(({ life }) => life.state === 'dead');
  const boot = bootId();
  const earlier: Listed[] = dead.filter(({ record }) => record.bootId !== boot);
  const unrecorded = network.unrecorded.filter((one) => isOfEarlierBoot(one));
  return [
    ...found(
      examination,
      network,
      'attachment-dead',
      dead.filter((one) => !earlier.includes(one)),
    ),
    ...found(examination, network, 'leases-of-earlier-boot', [...earlier, ...unrecorded]),
  ];
}

/** Whether the leases of a holder without a record were all written before this boot, so that they are void. */
export function isOfEarlierBoot({ dataDir, network, addresses }: Listed): boolean {
  const bootedAt = bootedAtMs();
  return addresses.every((address) => (statPath(`${dataDir}/${network}/${address}`)?.mtimeMs ?? 0) < bootedAt);
}

function found(
  examination: Examination,
  { network, dataDir }: NetworkView,
  code: 'attachment-dead' | 'leases-of-earlier-boot',
  dead: readonly Listed[],
): Finding[] {
  const [first] = dead;
  if (first === undefined) return [];
  const addresses = dead.reduce((sum, one) => sum + one.addresses.length, 0);
  const one = dead.length === 1;
  const since = code === 'attachment-dead' ? '' : ' of an earlier boot';
  const many = `${dead.length} attachments${since} are gone, and hold ${addresses} addresses`;
  const evidence = dead
    .slice(0, SHOWN)
    .map(
      (each) => `${subjectOf(each)}: ${each.record === undefined ? 'a lease without a record' : each.life.evidence}`,
    );
  const more = dead.length > SHOWN ? `; and ${dead.length - SHOWN} more` : '';
  return [
    {
      level: 'warning',
      code,
      subject: one ? subjectOf(first) : `network ${network}`,
      what: one ? `the container${since} is gone, and holds ${first.addresses.join(' and ') || 'no address'}` : many,
      evidence: `${evidence.join('; ')}${more}`,
      fix: gcCommand(examination, dataDir),
      isSafe: true,
    },
  ];
}
