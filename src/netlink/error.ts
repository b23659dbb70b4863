/** What the kernel answers when it refuses: errno, and with extended acks a sentence (linux/netlink.h, nlmsgerr). */

import { errnoName, errnoText } from '../sys/errno.ts';
import { decodeAttributes } from './attribute.ts';
import { readCString, readI32le } from './bytes.ts';
import type { Message } from './message.ts';

/** On an NLMSG_ERROR: attributes follow; the request that is quoted before them is only its header. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const ERRNO_AND_HEADER = 20;

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

export function isKernelError(error: unknown, ...errnos: number[]): error is KernelError {
  return error instanceof KernelError && errnos.includes(error.errno);
}

export interface Verdict {
  /** 0: done. Otherwise positive, as in errno.h. */
  readonly errno: number;
  readonly explanation: string | undefined;
}

/** Reads an NLMSG_ERROR, which is also how success is acknowledged. @throws Truncated */
export function decodeVerdict(message: Message): Verdict {
  const errno = -readI32le(message.payload);
  return { errno, explanation: errno === 0 ? undefined : explanationOf(message) };
}

function explanationOf({ flags, payload }: Message): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0 || (flags & NLM_F_CAPPED) === 0) return undefined;
  const text = decodeAttributes(payload.subarray(ERRNO_AND_HEADER)).get(NLMSGERR_ATTR_MSG);
  return text === undefined ? undefined : readCString(text);
}

/** What `action` returns; undefined where the kernel refuses it with one of these errnos. @throws what else it throws */
export function unlessRefused<T>(errnos: readonly number[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isKernelError(error, ...errnos)) return undefined;
    throw error;
  }
}
