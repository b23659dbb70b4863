/** The command lines that findings about attachments advise. Each is one line for a POSIX shell. */

import { DEFAULT_DATA_DIR } from '../../../ipam/index.ts';
import { isObject } from '../../../schema/json.ts';
import { DEFAULT_CONF_DIR } from '../../flags.ts';
import type { Configuration } from '../../inventory/configurations.ts';
import type { Listed } from '../../inventory/inventory.ts';
import { commandOf, word } from '../command-lines.ts';
import type { Examination } from '../examination.ts';

/** Where the examination looks, as far as a command cannot know it by itself. */
type Place = Pick<Examination, 'confDir'> & { readonly inventory: Pick<Examination['inventory'], 'configurations'> };

/** podman's names for the network namespaces of its containers. */
const OF_PODMAN = /\/netns-[0-9a-f]{8}-[0-9a-f-]{27}$/;
/** IPAM that the record and the leases describe, so that DEL needs nothing else of the configuration. */
const OWN_IPAM: readonly unknown[] = ['trestle-ipam', 'host-local', undefined];

/** Puts back what the records of a network say, and the node or the containers lack. */
export function reconcileCommand(place: Place, { network, dataDir }: Pick<Listed, 'network' | 'dataDir'>): string {
  return commandOf('trestle', 'reconcile', '--network', network, ...placeWords(place, dataDir));
}

/** Removes what is provably dead. */
export function gcCommand(place: Place, dataDir: string): string {
  return commandOf('trestle', 'gc', ...placeWords(place, dataDir));
}

/** Follows a packet from an attachment to a target. */
export function traceCommand(place: Place, { containerId, dataDir }: Listed, target: string): string {
  return commandOf('trestle', 'trace', containerId, target, ...placeWords(place, dataDir));
}

/**
 * Ends an attachment that only a new one can replace: by the container's runtime where it shows which that is; otherwise by
 * DEL, after which the container may be attached anew.
 */
export function restartCommand({ inventory }: Place, listed: Omit<Listed, 'life'>): string {
  const { containerId, pod, netns } = listed;
  if (pod?.name !== undefined) return commandOf('crictl', 'stopp', containerId);
  if (OF_PODMAN.test(netns?.path ?? '')) return commandOf('podman', 'restart', containerId);
  return deleteCommand(inventory.configurations, listed);
}

/** Opens a configuration in the operator's editor, for what only another configuration mends. */
export function editCommand(file: string): string {
  return `"\${EDITOR:-vi}" ${word(file)}`;
}

/** DEL, which needs no netns. */
function deleteCommand(configurations: readonly Configuration[], listed: Omit<Listed, 'life'>): string {
  const { containerId, ifName, netns } = listed;
  const variables = [
    'CNI_COMMAND=DEL',
    `CNI_CONTAINERID=${containerId}`,
    `CNI_IFNAME=${ifName}`,
    `CNI_NETNS=${netns?.path ?? ''}`,
    'CNI_PATH=/opt/cni/bin',
  ];
  const text = JSON.stringify(configurationFor(configurations, listed));
  return `echo ${word(text)} | ${variables.map(word).join(' ')} trestle`;
}

/** The least configuration that DEL takes; the network's own where another IPAM plugin must release the address. */
function configurationFor(configurations: readonly Configuration[], { network, dataDir }: Omit<Listed, 'life'>) {
  const found = configurations.find((one) => one.network === network);
  const plugin = found?.plugins.find(({ json }) => isObject(json.ipam))?.json;
  const type = isObject(plugin?.ipam) ? plugin.ipam.type : undefined;
  const cniVersion = found?.cniVersion || '1.0.0';
  if (plugin !== undefined && !OWN_IPAM.includes(type)) return { ...plugin, cniVersion, name: network };
  return { cniVersion, name: network, type: 'trestle', ipam: { type: 'trestle-ipam', dataDir } };
}

function placeWords({ confDir }: Place, dataDir: string): string[] {
  return [
    ...(dataDir === DEFAULT_DATA_DIR ? [] : ['--data-dir', dataDir]),
    ...(confDir === DEFAULT_CONF_DIR ? [] : ['--conf-dir', confDir]),
  ];
}
