/** The commands of the IPAM plugin, which any main plugin may run: they use the same store, and touch no links. */

import type { Environment } from '../../cni/environment.ts';
import type { Plugin } from '../../cni/plugin.ts';
import { type BaseRequest, commonKeys, readBase, readConfig } from '../../cni/request.ts';
import { decodeResult, encodeResult, ipsOf, type Result } from '../../cni/result.ts';
import type { Input } from '../../cni/stdio.ts';
import { limited, strictnessOf } from '../../cni/strictness.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { dataDirOf, type IpamSection, ipamSchema } from '../../ipam/config.ts';
import * as ipam from '../../ipam/index.ts';
import type { Journal, Log } from '../../log.ts';
import { object } from '../../schema/net.ts';
import { statPath } from '../../sys/directory.ts';
import { allocate, planFor } from '../allocation.ts';
import { readOwnSection } from './section.ts';

/** Runs `act` with the host that IPAM judges by. `searchPath` is PATH, for the programs of iptables. */
type WithHost = <T>(searchPath: string, dataDir: string, log: Log, act: (host: ipam.Host) => T) => T;

export interface IpamRequest extends BaseRequest {
  readonly ipam: IpamSection;
  /** The key `status`, see `strictnessOf`. */
  readonly status: string | undefined;
}

export const ipamPluginSchema = object({ ipam: ipamSchema }, commonKeys);

/** The name of a command in the log. */
const STEPS: Readonly<Record<IpamRequest['command'], string>> = {
  ADD: 'take addresses',
  DEL: 'release the addresses',
  CHECK: 'verify the leases',
  GC: 'release the garbage',
  STATUS: 'look at the leases',
  VERSION: 'nothing',
};

/** The IPAM plugin. `withHost` provides what judges and removes what a main plugin has made on the node. */
export function ipamPlugin(withHost: WithHost): Plugin {
  return (environment, input, journal) => runCommand(environment, input, journal, withHost);
}

/** @throws Fault `config`, `version`, `environment` */
export function readIpamRequest(environment: Environment, input: Input, log: Log): IpamRequest {
  const config = readConfig(() => ipamPluginSchema, input, log);
  const ipam = readOwnSection(config.ipam, environment.command, log);
  const { status } = config;
  return Object.freeze({ ...readBase(environment, config, dataDirOf(ipam)), ipam, status });
}

function runCommand(
  environment: Environment,
  input: Input,
  { log, step }: Journal,
  withHost: WithHost,
): object | undefined {
  const request = readIpamRequest(environment, input, log);
  const searchPath = environment.variables.PATH ?? '';
  return step(STEPS[request.command], () =>
    withHost(searchPath, request.dataDir, log, (host) => carryOut(request, host, log)),
  );
}

function carryOut(request: IpamRequest, host: ipam.Host, log: Log): object | undefined {
  switch (request.command) {
    case 'ADD':
      return encodeResult(add(request, host), request.cniVersion);
    case 'DEL':
      return void ipam.releaseAddresses(request.dataDir, request, host);
    case 'CHECK':
      return void ipam.verifyLeases(request.dataDir, request, previousIps(request), host);
    case 'GC':
      return void gc(request, host);
    case 'STATUS':
      return void status(request, host, log);
    case 'VERSION':
      return undefined;
  }
}

function status(request: IpamRequest, host: ipam.Host, log: Log): void {
  const leases = () => ipam.statusOf(planFor(request), host);
  limited(leases, 'exhausted', 'unavailable', strictnessOf(request), log);
}

/**
 * The result has no interfaces, which only the main plugin can name. It has nothing of prevResult, which the main plugin got
 * too: the main plugin would take the addresses in there for addresses of its own interface.
 */
function add(request: IpamRequest, host: ipam.Host): Result {
  strictnessOf(request);
  const { network, containerId, ifName, pod } = request;
  const owner = { network, containerId, ifName, pod, netns: netnsOf(request) };
  const { addresses, routes, dns } = allocate(request, planFor(request), owner, host);
  return { interfaces: [], ips: addresses, routes, dns };
}

/**
 * The netns of the attachment, by which a later call tells whether the lease is dead. Undefined where the path cannot be
 * looked at.
 */
function netnsOf({ netns: path }: IpamRequest): ipam.Netns | undefined {
  try {
    const found = statPath(path);
    return found && { path, device: found.device, inode: found.inode };
  } catch {
    return undefined;
  }
}

function previousIps({ prevResult, ifName }: IpamRequest) {
  if (prevResult === undefined) {
    throw new Fault('config', 'cannot do CHECK: prevResult is missing from the configuration', {
      details: 'The runtime must hand in the result of ADD (CNI specification, CHECK).',
    });
  }
  return ipsOf(decodeResult(prevResult, 'prevResult'), ifName).map(({ address }) => address.ip);
}

function gc({ dataDir, network, validAttachments }: IpamRequest, host: ipam.Host): void {
  const doomed = ipam.planGarbage(dataDir, network, validAttachments, host);
  const { failures } = ipam.releaseGarbage(dataDir, network, doomed, host);
  const [first] = failures;
  if (first === undefined) return;
  const reasons = failures.slice(0, 5).map(reasonOf).join('; ');
  throw new Fault(first.kind, `cannot release all dead leases of ${network}: ${reasons}`, { cause: first });
}
