/** The bridges of living attachments, and the gateways of their VLANs. */

import { Fault } from '../../../fault.ts';
import type { Link } from '../../../netlink/route/link.ts';
import { verifyOptions } from '../../../resources/bridge/options.ts';
import { grouped } from '../../../resources/grouped.ts';
import { findingOf } from '../../../resources/resource.ts';
import { commandOf } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import { reconcileCommand } from './commands.ts';
import { type Attached, subjectOf, type View } from './view.ts';
import { entryOf } from './wanted.ts';

/** One finding at most for each bridge and each VLAN's gateway: what is wrong with its ports follows from it. */
export function examineBridges(view: View): Finding[] {
  const uses = view.attached.flatMap((one) => {
    const { port, gateway } = one.wanted;
    const names = [port?.bridge ?? '', ...(gateway?.vlan === undefined ? [] : [view.gatewayLinkName(one)])];
    return names.filter((name) => name !== '').map((name) => ({ name, one }));
  });
  return [...grouped(uses, ({ name }) => name)].flatMap(([name, those]) => {
    const all = those.map(({ one }) => one);
    const findings = examineBridge(view, name, all);
    if (findings.some(({ level }) => level === 'error')) {
      view.troubledBridges.add(name);
      for (const one of all) view.troubled.add(one);
    }
    return findings;
  });
}

function examineBridge(view: View, name: string, users: readonly Attached[]): Finding[] {
  const [first] = users;
  const bridge = view.linkNamed(name);
  if (first === undefined) return [];
  const isBridge = first.wanted.port?.bridge === name;
  const who = usersText(users);
  const common = { level: 'error', subject: `${isBridge ? 'bridge' : 'VLAN gateway'} ${name}`, isSafe: true } as const;
  const fix = reconcileCommand(view.examination, first);
  if (bridge === undefined) {
    return [
      { ...common, code: 'bridge-missing', what: `it is gone, and ${who} without a network`, evidence: NO_LINK, fix },
    ];
  }
  if (isBridge && bridge.kind !== 'bridge') return [nameTaken(view, bridge, users)];
  if (!bridge.up) {
    const evidence = `the flags of ${name} lack UP`;
    return [{ ...common, code: 'bridge-down', what: `it is down, and ${who} cut off`, evidence, fix }];
  }
  return isBridge ? lostOption(view, bridge, users) : [];
}

const NO_LINK = 'no link of the node has that name';

function nameTaken(view: View, { name, kind }: Link, users: readonly Attached[]): Finding {
  const away = `${name.slice(0, 11)}-old`;
  const [first] = users as readonly [Attached];
  const rename = `${commandOf('ip', 'link', 'set', name, 'down')} && ${commandOf('ip', 'link', 'set', name, 'name', away)}`;
  return {
    level: 'error',
    code: 'bridge-name-taken',
    subject: `bridge ${name}`,
    what: `the link of that name is no bridge, and ${usersText(users)} without a network`,
    evidence: `${name} is ${kind === undefined ? 'a device' : `of the kind ${kind}`}`,
    fix: `${rename} && ${reconcileCommand(view.examination, first)}`,
    isSafe: false,
  };
}

/** The first option that an attachment needs and the bridge has lost. */
function lostOption(view: View, bridge: Link, users: readonly Attached[]): Finding[] {
  for (const one of users) {
    const { promiscuous, vlanFiltering, guarded } = entryOf(one.record.plan ?? [], 'bridge') ?? {};
    const wanted = {
      promiscuous: promiscuous === true,
      vlanFiltering: vlanFiltering === true,
      guarded: guarded === true,
    };
    const lost = findingOf(() => verifyOptions(bridge, wanted));
    if (!(lost instanceof Fault)) continue;
    return [
      {
        level: 'error',
        code: 'bridge-option-off',
        subject: `bridge ${bridge.name}`,
        what: 'an option that attachments need is off',
        evidence: `${lost.message}, by ${subjectOf(one)}`,
        fix: reconcileCommand(view.examination, one),
        isSafe: true,
      },
    ];
  }
  return [];
}

/** "3 attachments are", "pods shop/web-0 eth0 is" */
export function usersText(users: readonly Attached[]): string {
  const [first] = users;
  return users.length === 1 && first !== undefined ? `${subjectOf(first)} is` : `${users.length} attachments are`;
}
