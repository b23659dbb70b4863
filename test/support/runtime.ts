/** What libcni does around the calls: one network, each attachment's last result handed on as prevResult. */

import type { Artifact } from './artifacts.ts';
import { type CniCall, type CniResult, type Command, cni, cniAsync, type Outcome } from './cni.ts';
import type { Container, ScratchNode } from './node.ts';

/** Anything of a call may be replaced; `config` then stands instead of the network's, prevResult is still added. */
export type CallOptions = Partial<Omit<CniCall, 'command' | 'container'>> & {
  /** Null sends none. Default: what the ADD of this attachment returned. */
  readonly prevResult?: CniResult | null;
};

export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

type Target = Pick<Container, 'id' | 'netnsPath'>;

export interface Runtime {
  readonly config: Record<string, unknown>;
  add(container: Target, options?: CallOptions): Outcome;
  check(container: Target, options?: CallOptions): Outcome;
  del(container: Target, options?: CallOptions): Outcome;
  addAsync(container: Target, options?: CallOptions): Promise<Outcome>;
  delAsync(container: Target, options?: CallOptions): Promise<Outcome>;
  /** Sends the list as libcni does (under both its names); without one the key is absent, as from cnitool. */
  gc(valid?: readonly ValidAttachment[] | null, options?: CallOptions): Outcome;
  gcAsync(valid?: readonly ValidAttachment[] | null, options?: CallOptions): Promise<Outcome>;
  status(options?: CallOptions): Outcome;
  version(options?: CallOptions): Outcome;
}

/** A runtime that knows one network: `config` is the plugin's configuration with name and cniVersion. */
export function runtime(node: Pick<ScratchNode, 'ns'>, artifact: Artifact, config: Record<string, unknown>): Runtime {
  const results = new Map<string, CniResult>();
  const call = (command: Command, options: CallOptions, extra: object, container?: Target): CniCall => {
    const { prevResult: _, ...rest } = options;
    const sent = { ...((rest.config ?? config) as object), ...extra };
    return { artifact, command, ...(container && { container }), ...rest, config: sent };
  };
  const withResult = (command: Command, container: Target, options: CallOptions = {}): CniCall => {
    const prevResult = options.prevResult === undefined ? results.get(key(container, options)) : options.prevResult;
    return call(command, options, prevResult ? { prevResult } : {}, container);
  };
  const remember = (container: Target, options: CallOptions, outcome: Outcome): Outcome => {
    if (outcome.result !== undefined) results.set(key(container, options), outcome.result);
    return outcome;
  };
  return {
    config,
    add: (container, options = {}) => remember(container, options, cni(node, call('ADD', options, {}, container))),
    check: (container, options) => cni(node, withResult('CHECK', container, options)),
    del: (container, options) => cni(node, withResult('DEL', container, options)),
    addAsync: async (container, options = {}) =>
      remember(container, options, await cniAsync(node, call('ADD', options, {}, container))),
    delAsync: (container, options) => cniAsync(node, withResult('DEL', container, options)),
    gc: (valid, options = {}) => cni(node, call('GC', options, validAttachments(valid))),
    gcAsync: (valid, options = {}) => cniAsync(node, call('GC', options, validAttachments(valid))),
    status: (options = {}) => cni(node, call('STATUS', options, {})),
    version: (options = {}) => cni(node, call('VERSION', options, {})),
  };
}

function key(container: Target, options: CallOptions): string {
  return `${container.id}/${options.ifName ?? 'eth0'}`;
}

function validAttachments(valid: readonly ValidAttachment[] | null | undefined): object {
  return valid === undefined ? {} : { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid };
}
