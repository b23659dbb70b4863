/** The Container Runtime Interface, as kubelet speaks it, over a runtime's socket. */

import { join } from 'node:path';
import {
  type Client,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP';
  readonly container_port: number;
  readonly host_port: number;
}

export interface SandboxOptions {
  readonly ports?: readonly PortMapping[];
  /** Whose network namespace it has: one of its own, or the node's, which no plugin is called for. Default: POD. */
  readonly network?: 'POD' | 'NODE';
}

export interface SandboxStatus {
  readonly id: string;
  readonly state: 'SANDBOX_READY' | 'SANDBOX_NOTREADY';
  /** The sandbox's addresses, its first one first. */
  readonly addresses: readonly string[];
  /** The process that holds its namespaces. */
  readonly pid: number;
}

export interface Cri {
  /** RuntimeReady and NetworkReady, with the reason where one is false. */
  conditions(): Promise<Record<string, string>>;
  /** The text of the network configuration that is in use now, as the runtime read it. */
  configuration(): Promise<string | undefined>;
  /** Starts a sandbox and returns its ID. @throws Error with what the runtime said */
  run(name: string, options?: SandboxOptions): Promise<string>;
  status(id: string): Promise<SandboxStatus>;
  stop(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** The IDs of all that there are, in whatever state. */
  list(): Promise<string[]>;
  close(): void;
}

type Unary = (request: object, answer: (error: ServiceError | null, response: Answer) => void) => ClientUnaryCall;

/** What of an answer is looked at; each call gives some of it. */
interface Answer {
  readonly pod_sandbox_id: string;
  readonly items: { id: string }[];
  readonly info: { info?: string; cniconfig?: string };
  readonly status: {
    conditions: { type: string; status: boolean; reason: string; message: string }[];
    id: string;
    state: SandboxStatus['state'];
    network: { ip: string; additional_ips: { ip: string }[] } | null;
  };
}

/** A network as containerd tells of it. */
interface LoadedNetwork {
  readonly IFName: string;
  readonly Config: { readonly Source: string };
}

/** `socket` is a path that this process can open; sandboxes go into the control group. */
export function connectCri(socket: string, cgroup: string): Cri {
  const definition = loadSync(join(import.meta.dir, 'cri.proto'), { keepCase: true, enums: String, defaults: true });
  // biome-ignore lint/suspicious/noExplicitAny: a package is typed by its definition, which is read at run time.
  const { RuntimeService } = (loadPackageDefinition(definition) as any).runtime.v1;
  const client = new RuntimeService(`unix://${socket}`, credentials.createInsecure()) as Client;
  const call = (method: string, request: object) =>
    new Promise<Answer>((resolve, reject) => {
      const unary = (client as unknown as Record<string, Unary>)[method] as Unary;
      unary.call(client, request, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  return {
    async conditions() {
      const { status } = await call('Status', {});
      const told = status.conditions.map(({ type, status, message }) => [type, status ? 'yes' : message]);
      return Object.fromEntries(told);
    },
    async configuration() {
      const { info } = await call('Status', { verbose: true });
      const { Networks = [] } = JSON.parse(info.cniconfig ?? '{}') as { Networks?: LoadedNetwork[] };
      return Networks.find(({ IFName }) => IFName === 'eth0')?.Config.Source;
    },
    async run(name, { ports = [], network = 'POD' } = {}) {
      const metadata = { name, uid: name, namespace: 'default' };
      const linux = { cgroup_parent: cgroup, security_context: { namespace_options: { network } } };
      const hostname = network === 'POD' ? name : '';
      const config = { metadata, hostname, port_mappings: ports, linux };
      return (await call('RunPodSandbox', { config })).pod_sandbox_id;
    },
    status: async (id) => sandboxStatus(await call('PodSandboxStatus', { pod_sandbox_id: id, verbose: true })),
    stop: async (id) => void (await call('StopPodSandbox', { pod_sandbox_id: id })),
    remove: async (id) => void (await call('RemovePodSandbox', { pod_sandbox_id: id })),
    list: async () => (await call('ListPodSandbox', {})).items.map(({ id }) => id),
    close: () => client.close(),
  };
}

function sandboxStatus({ status, info }: Answer): SandboxStatus {
  const { id, state, network } = status;
  const addresses = [network?.ip ?? '', ...(network?.additional_ips ?? []).map(({ ip }) => ip)];
  const { pid } = JSON.parse(info.info ?? '{}') as { pid: number };
  return { id, state, addresses: addresses.filter((address) => address !== ''), pid };
}
