import { MessageTooLarge, type DomainError } from '#lib/rpc/errors.ts';
import type { EdgeCall } from './edge-call.ts';

/** All that the caller sends. Rejects when it is too much, when the call ends first, or when the caller leaves. */
export function readBody(call: EdgeCall, maxBytes: number): Promise<Buffer> {
  const { request } = call;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) return Promise.reject(new MessageTooLarge('request', maxBytes, announced));
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let chunks: Buffer[] | undefined;
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) stop(new MessageTooLarge('request', maxBytes));
      else if (first === undefined) first = chunk;
      else (chunks ??= [first]).push(chunk);
    };
    const finish = (): void => {
      call.onEnd = undefined;
      resolve(chunks ? Buffer.concat(chunks) : (first ?? Buffer.alloc(0)));
    };
    const stop = (reason: DomainError): void => {
      call.onEnd = undefined;
      request.off('data', take).off('end', finish);
      reject(reason);
    };
    if (call.endReason) {
      stop(call.endReason);
      return;
    }
    call.onEnd = stop;
    request.on('data', take).once('end', finish);
  });
}
