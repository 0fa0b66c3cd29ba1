import type { Connections, Standing } from '../connections/live-session.ts';

export interface Keeping {
  /** Until the returned function is called. `hear` is told at once what is known. */
  keep(
    session: { tenantId: string; sessionId: bigint },
    hear: (sessionId: bigint, standing: Standing) => void,
  ): () => void;
}

interface Kept {
  readonly end: AbortController;
  readonly hearers: Set<(sessionId: bigint, standing: Standing) => void>;
  standing: Standing | undefined;
}

/** However many watch a session here, it is kept once. */
export function createKeeping(connections: Pick<Connections, 'keep'>): Keeping {
  const kept = new Map<bigint, Kept>();

  function begin(tenantId: string, sessionId: bigint): Kept {
    const one: Kept = { end: new AbortController(), hearers: new Set(), standing: undefined };
    kept.set(sessionId, one);
    connections.keep({ tenantId, sessionId }, one.end.signal, (standing) => {
      one.standing = standing;
      for (const hear of one.hearers) hear(sessionId, standing);
    });
    return one;
  }

  return {
    keep({ tenantId, sessionId }, hear) {
      const one = kept.get(sessionId) ?? begin(tenantId, sessionId);
      one.hearers.add(hear);
      if (one.standing) hear(sessionId, one.standing);
      return () => {
        one.hearers.delete(hear);
        if (one.hearers.size > 0) return;
        one.end.abort();
        if (kept.get(sessionId) === one) kept.delete(sessionId);
      };
    },
  };
}
