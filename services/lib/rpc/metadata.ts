import type { Metadata } from '@grpc/grpc-js';
import { MessageTooLarge } from './errors.ts';
import type { CallMetadata } from './implement.ts';

export const noMetadata: CallMetadata = { get: () => undefined, has: () => false };

/** What came with a call; one value a name. */
export class ReceivedMetadata implements CallMetadata {
  readonly #metadata: Metadata;

  constructor(metadata: Metadata, maxBytes: number) {
    let size = 0;
    for (const [name, values] of Object.entries(metadata.toHttp2Headers())) {
      // One value is given as it is, several as a list.
      for (const value of [values].flat()) size += name.length + String(value).length;
    }
    if (size > maxBytes) throw new MessageTooLarge('metadata', maxBytes, size);
    this.#metadata = metadata;
  }

  get(name: string): string | undefined {
    const [value] = this.#metadata.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  has(name: string): boolean {
    return this.#metadata.get(name).length > 0;
  }
}
