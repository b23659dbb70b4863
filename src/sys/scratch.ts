/**
 * One buffer for everything that is read: from sockets, files and stdin. What is read is copied out of it at once, so a
 * call of twenty milliseconds need not fault in a buffer for each.
 */

/** The kernel fills netlink datagrams up to 32 KiB; the rest is room for one large message. */
export const SCRATCH_BYTES = 64 * 1024;

const buffer = new Uint8Array(SCRATCH_BYTES);

/** The buffer. Its content is valid until the next read of anything. */
export function scratch(): Uint8Array {
  return buffer;
}
