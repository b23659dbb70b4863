/** What is off and could not be mended, or comes back: it is told once, and tried again after longer and longer. */

import type { Loss } from '../../resources/reconcile.ts';
import type { Listed } from '../inventory/inventory.ts';
import { podText } from '../inventory/inventory.ts';
import type { Passed } from '../upkeep/pass.ts';

/** A line of the watch's log. */
export type Tell = (level: 'info' | 'warn', event: string, message: string) => void;

export interface Troubles {
  /** Whether a loss is to be left alone for now. */
  isPostponed(listed: Listed, loss: Loss): boolean;
  /** Notes what became of an attachment. */
  note(passed: Passed): void;
  /** Ends a look, in which those kinds were looked at: what was not found off again is healed. */
  settle(isSeen: (kind: string) => boolean): void;
  /** When the next of them is to be tried again; infinite where there is none. */
  nextAt(): number;
  /** How many are still off. */
  open(): number;
}

interface Trouble {
  readonly kind: string;
  readonly text: string;
  attempts: number;
  retryAt: number;
  seenAt: number;
  isOpen: boolean;
  wasSeen: boolean;
}

const SHARED = ['bridge', 'vlan-gateway', 'gateway', 'forward-accept', 'forwarding'];
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** So many times in a row something is mended at once, when it is broken again. */
const AT_ONCE = 3;
/** What was whole for so long counts as new when it is broken again. */
const MEMORY_MS = 60_000;

/** Troubles by a clock in milliseconds. */
export function createTroubles(nowMs: () => number, tell: Tell): Troubles {
  const known = new Map<string, Trouble>();
  const noteOne = (listed: Listed, { kind, finding }: Loss): Trouble => {
    const key = keyOf(listed, kind, finding);
    const text = SHARED.includes(kind) ? `${kind}: ${finding}` : `${nameOf(listed)}: ${kind}: ${finding}`;
    const trouble = known.get(key) ?? { kind, text, attempts: 0, retryAt: 0, seenAt: 0, isOpen: false, wasSeen: false };
    trouble.seenAt = nowMs();
    known.set(key, trouble);
    return trouble;
  };
  const failed = (trouble: Trouble, details: string | undefined) => {
    trouble.wasSeen = true;
    if (!trouble.isOpen) tell('warn', 'failed', `${trouble.text}${details === undefined ? '' : `. ${details}`}`);
    trouble.isOpen = true;
    if (trouble.retryAt > nowMs()) return;
    trouble.attempts++;
    trouble.retryAt = nowMs() + Math.min(FIRST_RETRY_MS * 2 ** (trouble.attempts - 1), LAST_RETRY_MS);
  };
  const restored = (trouble: Trouble) => {
    trouble.attempts++;
    const excess = trouble.attempts - AT_ONCE;
    trouble.retryAt = excess < 0 ? 0 : nowMs() + Math.min(FIRST_RETRY_MS * 2 ** excess, LAST_RETRY_MS);
    tell('info', 'restored', trouble.text);
  };
  return {
    isPostponed: (listed, { kind, finding }) => (known.get(keyOf(listed, kind, finding))?.retryAt ?? 0) > nowMs(),
    note: ({ listed, restored: mended, left }) => {
      for (const loss of mended) restored(noteOne(listed, loss));
      for (const loss of left) failed(noteOne(listed, loss), loss.details);
    },
    settle: (isSeen) => {
      for (const [key, trouble] of known) {
        if (!isSeen(trouble.kind)) continue;
        if (trouble.isOpen && !trouble.wasSeen) {
          trouble.isOpen = false;
          tell('info', 'healed', trouble.text);
        }
        trouble.wasSeen = false;
        if (!trouble.isOpen && nowMs() - trouble.seenAt > Math.max(MEMORY_MS, trouble.retryAt - trouble.seenAt))
          known.delete(key);
      }
    },
    nextAt: () => Math.min(...[...known.values()].filter(({ isOpen }) => isOpen).map(({ retryAt }) => retryAt)),
    open: () => [...known.values()].filter(({ isOpen }) => isOpen).length,
  };
}

/** What attachments share is one trouble, whichever of them it is found for. */
function keyOf({ dataDir, network, containerId, ifName }: Listed, kind: string, finding: string): string {
  return SHARED.includes(kind)
    ? `${kind} ${finding}`
    : [dataDir, network, containerId, ifName, kind, finding].join(' ');
}

function nameOf({ network, containerId, ifName, pod }: Listed): string {
  return `${network} ${podText(pod) || containerId.slice(0, 12)} ${ifName}`;
}
