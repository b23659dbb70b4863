/** Chance that can be had again: a small generator (mulberry32) with a seed of 32 bits. */

export interface Chance {
  /** From 0 up to, not including, 1. */
  number(): number;
  /** From 0 up to, not including, `limit`. */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
  /** True so often in a hundred times. */
  percent(share: number): boolean;
}

/** The seed of this run: TRESTLE_SEED, or one by the clock. */
export function chooseSeed(): number {
  return Number(process.env.TRESTLE_SEED ?? Date.now() % 2 ** 32);
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(number() * limit);
  return {
    number,
    below,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    percent: (share) => number() * 100 < share,
  };
}
