/** Who holds addresses: one interface of one container on one network, and what is known of it. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface Attachment {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** A network namespace: the path at which it was found, and its device and inode in nsfs, as stat(2) gives them. */
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
  /** The process that makes the attachment. */
  readonly process?: number | undefined;
  /** When that process began, since process IDs are reused: clock ticks since the boot. The store fills it in. */
  readonly processStart?: number | undefined;
  /** What the attachment has on the node and in the container beside its leases, as its plugin encodes it; kept verbatim. */
  readonly plan?: readonly Json[] | undefined;
  /** What 0.1.0 wrote in place of `plan`. */
  readonly notes?: { readonly [key: string]: Json } | undefined;
}

export interface AttachmentRecord extends Owner {
  readonly version: number;
  /** The leased addresses with the subnet's prefix length; empty where another IPAM plugin leases, or there is none. */
  readonly addresses: readonly string[];
  readonly bootId: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** `shop/web-0`, in the namespace `default` where none is named; empty where the runtime named no pod. */
export function podText(pod: Pod | undefined): string {
  return pod?.name === undefined ? '' : `${pod.namespace ?? 'default'}/${pod.name}`;
}

/** "container abc interface eth0", or the pod's name where it is known. */
export function attachmentText(attachment: Attachment & { readonly pod?: Pod | undefined }): string {
  const { pod, containerId, ifName } = attachment;
  const name = pod?.name === undefined ? '' : `pod ${podText(pod)}, `;
  const shown = containerId.length > 20 ? `${containerId.slice(0, 12)}…` : containerId;
  return `${name}container ${shown}${ifName === '' ? '' : ` interface ${ifName}`}`;
}
