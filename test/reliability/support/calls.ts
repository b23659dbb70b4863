/** The system calls of one run, read from what strace wrote of the main thread, which is the one that does the work. */

export interface SystemCall {
  readonly name: string;
  /** The nth call of that name, from 1: what strace's `when=` counts. */
  readonly nth: number;
  /** As strace shows it. */
  readonly text: string;
  /** After the program began to read stdin. What comes before is the engine's start-up, and none of it ours. */
  readonly isOwn: boolean;
}

const CHANGING = ['mkdir', 'write', 'utimensat', 'rename', 'link', 'unlink', 'ftruncate', 'sendto', 'setns', 'close'];

/** The calls in their order. Lines that tell of signals and of the end are passed over. */
export function parseTrace(lines: readonly string[]): SystemCall[] {
  const counts = new Map<string, number>();
  let isOwn = false;
  return lines.flatMap((text) => {
    const name = /^([a-z]\w*)\(/.exec(text)?.[1];
    if (name === undefined) return [];
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    isOwn ||= text.startsWith('read(0,');
    return [{ name, nth, text, isOwn }];
  });
}

/** Whether the call may change something that outlives the process, or ends what protects a change. */
export function mayChange({ name, text, isOwn }: SystemCall): boolean {
  return isOwn && (CHANGING.includes(name) || (name === 'openat' && text.includes('O_CREAT')));
}

/** `rename #1: rename("/…`, for a message. */
export function callText({ name, nth, text }: SystemCall): string {
  return `${name} #${nth}: ${text.slice(0, 140)}`;
}
