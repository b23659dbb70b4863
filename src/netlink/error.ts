/** Refusals of the kernel: an errno, and with extended acks a sentence (linux/netlink.h, nlmsgerr). */

import { errnoName, errnoText } from '../sys/errno.ts';
import { decodeAttributes } from './attribute.ts';
import { readCString, readI32le } from './bytes.ts';
import type { Message } from './message.ts';

/** Flags of an NLMSG_ERROR: it quotes the header of the request alone; and attributes follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** Bytes before the attributes: errno, and the quoted header. */
const ERRNO_AND_HEADER = 20;

/** How a request ended. */
export interface Verdict {
  /** 0: done. Otherwise positive, as in errno.h. */
  readonly errno: number;
  readonly explanation: string | undefined;
}

/** A request that the kernel refused. `message` is a whole sentence: "cannot " + operation + ": " + reason. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly operation: string;
  readonly errno: number;
  readonly code: string;
  /** The kernel's own sentence, where it gave one. */
  readonly explanation: string | undefined;

  constructor(operation: string, errno: number, explanation?: string) {
    super(`cannot ${operation}: ${errnoText(errno)}${explanation ? `: ${explanation}` : ''}`);
    this.operation = operation;
    this.errno = errno;
    this.code = errnoName(errno);
    this.explanation = explanation;
  }
}

/** Whether the kernel refused a request with one of the errnos. */
export function isKernelError(error: unknown, ...errnos: number[]): error is KernelError {
  return error instanceof KernelError && errnos.includes(error.errno);
}

/**
 * Runs `action`. @returns what it returns; undefined where the kernel refuses it with one of the errnos. @throws every other
 * error
 */
export function unlessRefused<T>(errnos: readonly number[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isKernelError(error, ...errnos)) return undefined;
    throw error;
  }
}

/** Reads an NLMSG_ERROR, which is also how success is acknowledged. @throws Truncated */
export function decodeVerdict(message: Message): Verdict {
  const errno = -readI32le(message.payload);
  return { errno, explanation: errno === 0 ? undefined : explanationOf(message) };
}

/** The sentence, which stands behind the quoted header. A kernel without extended acks gives none. */
function explanationOf({ flags, payload }: Message): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0 || (flags & NLM_F_CAPPED) === 0) return undefined;
  const text = decodeAttributes(payload.subarray(ERRNO_AND_HEADER)).get(NLMSGERR_ATTR_MSG);
  return text === undefined ? undefined : readCString(text);
}
