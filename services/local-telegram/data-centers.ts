/** Numbers as Telegram's own, in the order of their ports; the first is where a new client begins. */
export const DATA_CENTER_IDS: readonly number[] = [2, 4];
export const DEFAULT_DATA_CENTER = 2;
