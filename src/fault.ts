/**
 * The one error type of the project. It says operation, object and reason in `message`, what to do about it in
 * `details`, and what sort of failure it is in `kind`; only `cni/error.ts` turns a kind into a CNI code.
 */

export type FaultKind =
  | 'version' // the configuration's cniVersion is not supported
  | 'unsupported' // a field asks for something that cannot be had, alone or together with another
  | 'environment' // a CNI_* variable is missing or malformed
  | 'io' // reading or writing a file or stream failed
  | 'decode' // stdin or a file is not what its format says
  | 'config' // the configuration is malformed
  | 'busy' // may succeed when tried again later
  | 'unavailable' // STATUS: an ADD cannot succeed now
  | 'limited' // STATUS: an ADD may succeed, but what is attached may be cut off or lack something
  | 'kernel' // the kernel refused an operation
  | 'conflict' // something that is already there stands in the way
  | 'exhausted' // a range has no free address left
  | 'address' // a requested address cannot be given
  | 'check' // CHECK found something that is not as ADD left it
  | 'delegate' // another plugin that we run failed to answer as a plugin must
  | 'internal'; // a defect of ours

interface FaultOptions {
  /** What the reader can do about it, one or two sentences. */
  readonly details?: string;
  readonly cause?: unknown;
}

/**
 * The most characters of a text for people: paths have up to 4,096, other programs' texts any number, and a screen shows so
 * many.
 */
const MOST_CHARACTERS = 900;

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: FaultKind;
  readonly details: string | undefined;

  constructor(kind: FaultKind, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.details = options.details;
  }
}

/** The reason part of any thrown value, on one line. */
export function reasonOf(error: unknown): string {
  return plainText(error instanceof Error ? error.message : String(error));
}

/** What the engine throws where memory is short: an InternalError, or null where there is not enough for that either. */
export function isOutOfMemory(error: unknown): boolean {
  return error === null || (error instanceof Error && error.message === 'out of memory');
}

/** The text, cut after MOST_CHARACTERS. */
export function onScreen(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

/** The text for people: on one line, cut after MOST_CHARACTERS, without the control characters that a terminal would obey. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return onScreen(text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim());
}

/** The `code` of a Node system error (`ENOENT`, …), or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
