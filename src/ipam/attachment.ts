/** Who holds addresses: one interface of one container on one network, and what is known of it. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface Attachment {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** A network namespace: where it was found, and which it was. `device` and `inode` are stat(2)'s, of nsfs. */
export interface Netns {
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/** Kubernetes' names for the container, from CNI_ARGS. */
export interface Pod {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly uid?: string | undefined;
  readonly infraContainerId?: string | undefined;
}

/** An attachment that is being made, with all that its record keeps for later. */
export interface Owner extends Attachment {
  readonly netns?: Netns | undefined;
  readonly hostVeth?: string | undefined;
  readonly pod?: Pod | undefined;
  /** What the main plugin, GC or an operator will want to find again; kept verbatim. */
  readonly notes?: { readonly [key: string]: Json } | undefined;
}

/** "container abc interface eth0", or the pod's name where it is known. */
export function attachmentText(attachment: Attachment & { readonly pod?: Pod | undefined }): string {
  const { pod, containerId, ifName } = attachment;
  const name = pod?.name === undefined ? '' : `pod ${pod.namespace ?? 'default'}/${pod.name}, `;
  const shown = containerId.length > 20 ? `${containerId.slice(0, 12)}…` : containerId;
  return `${name}container ${shown}${ifName === '' ? '' : ` interface ${ifName}`}`;
}
