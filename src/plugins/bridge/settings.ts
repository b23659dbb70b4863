/** What the main plugin's keys mean, with defaults filled in and contradictions refused. */

import { collecting } from '../../attempt.ts';
import { verifyInterfaceName } from '../../cni/environment.ts';
import { type Strictness, strictnessOf } from '../../cni/strictness.ts';
import { Fault } from '../../fault.ts';
import type { VlanRange } from '../../netlink/route/vlan.ts';
import type { ForwardAcceptWanted } from '../../resources/forward-accept/forward-accept.ts';
import type { Backend } from '../../resources/masquerade/masquerade.ts';
import { type VlanGateway, vlanGatewayName } from '../../resources/vlan/gateway-pair.ts';
import { mergeVlans, tagged, untagged, type VlanMembership } from '../../resources/vlan/vlan.ts';
import { describe } from '../../schema/explain.ts';
import type { MainConfig } from './request.ts';

export interface Settings {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly ipMasq: boolean;
  readonly backend: Backend;
  /** What to accept where a packet filter drops what the bridge forwards; undefined: accept nothing, and warn of nothing. */
  readonly forward: ForwardAcceptWanted['mode'] | undefined;
  /** Undefined: inherited, see `inheritedMtu`. */
  readonly mtu: number | undefined;
  readonly hairpin: boolean;
  /** The bridge takes every frame. */
  readonly promiscuous: boolean;
  /** The port exchanges frames only with the bridge and with ports that are not isolated. */
  readonly isolated: boolean;
  /** Another address of the bridge gives way to the gateway's. */
  readonly forceAddress: boolean;
  /** The container's interface stays down. */
  readonly keepDown: boolean;
  readonly detectDuplicates: boolean;
  /** Only frames with the container's own MAC as source are let through (macspoofchk). */
  readonly guarded: boolean;
  /** Whether STATUS reports a limit as a warning or as an error. */
  readonly strictness: Strictness;
  /** Undefined where the configuration asks for no VLAN. */
  readonly vlans: VlanSettings | undefined;
}

export interface VlanSettings {
  /** The VLANs of the container's port. */
  readonly port: VlanMembership;
  /** The VLAN of untagged frames, which has a gateway of its own; undefined where it is the bridge's own VLAN. */
  readonly access: number | undefined;
}

const DEFAULT_BRIDGE = 'cni0';

/** The default VLAN of a bridge: the VLAN of untagged frames where a trunk names none. */
const NATIVE = 1;
/** IFNAMSIZ without its NUL. */
const LONGEST_NAME = 15;

type TrunkEntry = NonNullable<MainConfig['vlanTrunk']>[number];

/** @throws Fault `config` that names the key and its value */
export function readSettings(config: MainConfig): Settings {
  const bridge = bridgeName(config);
  verifyCombinations(config);
  verifyForward(config);
  const isGateway = config.isGateway === true || config.isDefaultGateway === true;
  const vlans = readVlans(config);
  if (isGateway && vlans?.access !== undefined) verifyVlanGatewayName(bridge, vlans.access);
  return {
    bridge,
    isGateway,
    isDefaultGateway: config.isDefaultGateway === true,
    ipMasq: config.ipMasq === true,
    backend: masqueradeBackend(config),
    forward: forwardMode(config),
    mtu: config.mtu || undefined,
    hairpin: config.hairpinMode === true,
    promiscuous: config.promiscMode === true,
    isolated: config.portIsolation === true,
    forceAddress: config.forceAddress === true,
    keepDown: config.disableContainerInterface === true,
    detectDuplicates: config.enabledad === true,
    guarded: config.macspoofchk === true,
    strictness: strictnessOf(config),
    vlans,
  };
}

/** Everything that contradicts itself or is not known, where `readSettings` throws the first of it. */
export function settingsFaults(config: MainConfig): unknown[] {
  return collecting(
    () => bridgeName(config),
    () => verifyCombinations(config),
    () => verifyForward(config),
    () => masqueradeBackend(config),
    () => strictnessOf(config),
    () => readVlans(config),
    () => readSettings({ ...config, vlanTrunk: undefined, forward: undefined, ipMasqBackend: undefined }),
  );
}

/** The name of the bridge, for commands that must not fail for the other keys. @throws Fault `config` */
export function bridgeName(config: MainConfig): string {
  const name = config.bridge || DEFAULT_BRIDGE;
  verifyInterfaceName('the configuration\'s "bridge"', name, 'config');
  return name;
}

/** The VLAN that needs a gateway of its own; undefined where the bridge itself is the gateway. */
export function gatewayVlan(vlans: VlanSettings | undefined): VlanGateway | undefined {
  return vlans?.access === undefined ? undefined : { vlan: vlans.access, keepDefault: vlans.port.keepDefault };
}

function verifyCombinations(config: MainConfig): void {
  if (config.hairpinMode && config.promiscMode) {
    throw new Fault('config', 'cannot use the configuration: hairpinMode and promiscMode exclude each other', {
      details: 'Set one of them to false.',
    });
  }
  if (config.disableContainerInterface && config.ipam?.type) {
    throw new Fault('config', 'cannot use the configuration: disableContainerInterface and ipam exclude each other', {
      details: 'An interface that stays down can have no address: leave "ipam" out, or the other.',
    });
  }
}

/**
 * What to accept where a packet filter drops what the bridge forwards. Without the key, a gateway has its packets accepted,
 * and any other bridge only has a drop of bridged frames looked for. Undefined for "off", and for an unknown value.
 */
function forwardMode(config: MainConfig): ForwardAcceptWanted['mode'] | undefined {
  const { forward, isGateway, isDefaultGateway } = config;
  if (!forward) return isGateway || isDefaultGateway ? 'auto' : 'look';
  return forward === 'auto' || forward === 'open' ? forward : undefined;
}

/** @throws Fault `config` for a value that is not known */
function verifyForward({ forward }: MainConfig): void {
  if (!forward || forward === 'auto' || forward === 'open' || forward === 'off') return;
  throw new Fault('config', `cannot use the configuration: forward: ${describe(forward)} is not known`, {
    details: 'It must be "auto", "open" or "off", or be left out.',
  });
}

/** @throws Fault `config` for a backend that is none */
function masqueradeBackend({ ipMasqBackend }: MainConfig): Backend {
  if (!ipMasqBackend) return 'auto';
  if (ipMasqBackend === 'nftables' || ipMasqBackend === 'iptables') return ipMasqBackend;
  throw new Fault('config', `cannot use the configuration: ipMasqBackend: ${describe(ipMasqBackend)} is no backend`, {
    details: 'It must be "nftables" or "iptables", or be left out.',
  });
}

/** @returns undefined where no VLAN is asked for. @throws Fault `config` */
function readVlans({ vlan, vlanTrunk, preserveDefaultVlan }: MainConfig): VlanSettings | undefined {
  const access = vlan || undefined;
  if (access === undefined && vlanTrunk === undefined) return undefined;
  const trunk = (vlanTrunk ?? []).flatMap(readEntry);
  // A port has one VLAN for untagged frames, so that one is untagged even where the trunk names it too.
  const native = access ?? (trunk.length > 0 ? NATIVE : undefined);
  const vlans = mergeVlans([...trunk, ...(native === undefined ? [] : [untagged(native)])]);
  return { access, port: { vlans, keepDefault: preserveDefaultVlan === true } };
}

/** @throws Fault `config` where the gateway's interface would have a name that is too long */
function verifyVlanGatewayName(bridge: string, vlan: number): void {
  const name = vlanGatewayName(bridge, vlan);
  if (name.length <= LONGEST_NAME) return;
  const message = `cannot use the configuration: bridge: ${bridge} is too long for a VLAN with a gateway`;
  throw new Fault('config', message, {
    details: `The gateway is an interface called ${name}, and the kernel allows ${LONGEST_NAME} characters.`,
  });
}

/** The VLANs of one entry of the trunk: a range, one VLAN, both, or neither. @throws Fault `config` */
function readEntry({ minID, maxID, id }: TrunkEntry, at: number): VlanRange[] {
  if ((minID === undefined) !== (maxID === undefined)) {
    const [there, missing] = minID === undefined ? ['maxID', 'minID'] : ['minID', 'maxID'];
    throw wrong(at, `${there} is there, and ${missing} is missing`, 'A range has both; a single VLAN is "id".');
  }
  if ([minID, maxID, id].includes(0)) throw wrong(at, '0 is no VLAN', 'VLANs are numbered from 1 to 4094.');
  const range = minID === undefined || maxID === undefined ? [] : [tagged(minID, maxID)];
  if (minID !== undefined && maxID !== undefined && maxID < minID) {
    throw wrong(at, `minID ${minID} is greater than maxID ${maxID}`, 'Exchange the two.');
  }
  return id === undefined ? range : [...range, tagged(id, id)];
}

function wrong(at: number, reason: string, details: string): Fault {
  return new Fault('config', `cannot use the configuration: vlanTrunk[${at}]: ${reason}`, { details });
}
