/** So many at a time; the others wait in order. */
export interface Places {
  /** `full` is thrown when too many wait already. */
  within<T>(work: () => Promise<T>, full: () => Error): Promise<T>;
}

export function createPlaces(most: number, mostWaiting: number): Places {
  const waiting: (() => void)[] = [];
  let taken = 0;
  return {
    async within(work, full) {
      if (taken >= most) {
        if (waiting.length >= mostWaiting) throw full();
        // Whoever leaves hands the place on, so that nobody steps in between.
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else taken += 1;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next) next();
        else taken -= 1;
      }
    },
  };
}
