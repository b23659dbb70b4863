/** Many at once, or one alone: the specification has GC run only while no ADD or DEL does. */

export interface Gate {
  together<T>(act: () => Promise<T>): Promise<T>;
  alone<T>(act: () => Promise<T>): Promise<T>;
}

export function createGate(): Gate {
  let inside = 0;
  let last: Promise<unknown> = Promise.resolve();
  let whenEmpty: (() => void) | undefined;
  const together = async <T>(act: () => Promise<T>): Promise<T> => {
    for (let before = last; ; before = last) {
      await before;
      if (before === last) break;
    }
    inside++;
    try {
      return await act();
    } finally {
      if (--inside === 0) whenEmpty?.();
    }
  };
  const alone = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = last.then(async () => {
      if (inside > 0) {
        await new Promise<void>((resolve) => {
          whenEmpty = resolve;
        });
      }
      whenEmpty = undefined;
      return act();
    });
    last = turn.catch(() => undefined);
    return turn;
  };
  return { together, alone };
}
