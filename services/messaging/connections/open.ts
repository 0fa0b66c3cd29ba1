import { NotServedYet } from '../errors.ts';
import type { Connections } from './live-session.ts';

export function openConnections(): Connections {
  return {
    use: () => Promise.reject(new NotServedYet()),
    keep(_account, _signal, onStanding) {
      onStanding?.({ kind: 'refused', error: new NotServedYet() });
    },
    onSession: () => () => undefined,
    sessions: () => [],
  };
}
