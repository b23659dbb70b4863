/** How long ago something was, as `kubectl` writes it: the two largest units at most. */

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** `3d4h`, `12m`, `5s`; empty for a time that is none. */
export function ageText(sinceMs: number, nowMs: number): string {
  if (Number.isNaN(sinceMs)) return '';
  let seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  const parts: string[] = [];
  for (const [name, length] of UNITS) {
    const count = Math.floor(seconds / length);
    seconds -= count * length;
    if (count > 0) parts.push(`${count}${name}`);
  }
  return parts.length === 0 ? '0s' : parts.slice(0, 2).join('');
}
