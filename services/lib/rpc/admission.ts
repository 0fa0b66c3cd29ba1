import type { Principal } from '#lib/auth/principal.ts';
import { TooManyStreams } from './errors.ts';
import type { Limits } from './limits.ts';

export type CallKind = 'unary' | 'stream';

type AdmissionLimits = Pick<Limits, 'maxStreams' | 'maxStreamsPerPrincipal' | 'maxUnaryInFlight'>;

/** How many calls a process holds, and for whom. Each admitted call is released once. */
export class Admission {
  unary = 0;
  streams = 0;
  readonly #streamsByPrincipal = new Map<string, number>();
  readonly #limits: AdmissionLimits;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  admit(kind: CallKind, principal: Principal): void {
    if (kind === 'unary') this.#admitUnary();
    else this.#admitStream(keyOf(principal));
  }

  release(kind: CallKind, principal: Principal): void {
    if (kind === 'unary') {
      this.unary -= 1;
      return;
    }
    this.streams -= 1;
    const key = keyOf(principal);
    const left = (this.#streamsByPrincipal.get(key) ?? 0) - 1;
    if (left > 0) this.#streamsByPrincipal.set(key, left);
    else this.#streamsByPrincipal.delete(key);
  }

  #admitUnary(): void {
    if (this.unary >= this.#limits.maxUnaryInFlight) {
      throw new TooManyStreams('calls', this.#limits.maxUnaryInFlight);
    }
    this.unary += 1;
  }

  #admitStream(key: string): void {
    const { maxStreams, maxStreamsPerPrincipal } = this.#limits;
    if (this.streams >= maxStreams) throw new TooManyStreams('process', maxStreams);
    const open = this.#streamsByPrincipal.get(key) ?? 0;
    if (open >= maxStreamsPerPrincipal) throw new TooManyStreams('caller', maxStreamsPerPrincipal);
    this.streams += 1;
    this.#streamsByPrincipal.set(key, open + 1);
  }
}

/** By home tenant: an operator that crosses into many tenants is still one caller. */
function keyOf(principal: Principal): string {
  return `${principal.homeTenantId} ${principal.subject}`;
}
