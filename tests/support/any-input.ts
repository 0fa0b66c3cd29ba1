import { status, type Client as Channel, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { fromBinary, toBinary, type DescMessage, type DescMethod, type Message } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect } from 'vitest';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { methodPath } from '#lib/rpc/definition.ts';
import { randomMessage, type Known } from './random-messages.ts';

/** More by hand: PROPERTY_RUNS=2000 npx vitest run tests/e2e/any-input.test.ts */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 40);

/** What a caller may be told of its own doing; anything else is a fault of the service. */
const FAULTS = [status.INTERNAL, status.UNKNOWN, status.DATA_LOSS, status.UNIMPLEMENTED];

const asIs = (bytes: Buffer): Buffer => bytes;

/** A process under test, and what a caller of it may know. */
export interface Target {
  channel: Channel;
  metadata: Metadata;
  known: Known;
  process: {
    readonly child: { readonly exitCode: number | null };
    readonly log: readonly Record<string, unknown>[];
  };
}

/**
 * True when, whatever is sent to the method, it is answered, by a status that says what was wrong, and the process
 * lives on. Else it throws what was found.
 */
export async function faultless(method: DescMethod, target: Target): Promise<boolean> {
  const message = randomMessage(method.input, target.known);
  const isStream = method.methodKind !== 'unary';
  const requests = fc.array(mutated(message, method.input), {
    minLength: 1,
    maxLength: isStream && method.methodKind !== 'server_streaming' ? 5 : 1,
  });
  await fc.assert(
    fc.asyncProperty(requests, async (sent) => {
      const { error, answers } = await call(target, method, sent);
      judge(method, error, answers);
    }),
    { numRuns: isStream ? Math.ceil(RUNS / 4) : RUNS },
  );
  const { child, log } = target.process;
  expect(child.exitCode).toBeNull();
  expect(log.filter(({ event }) => event === 'rpc_fault' || event === 'fatal')).toEqual([]);
  return true;
}

/** The status and everything that was sent; streams send their messages and close. */
function call(
  { channel, metadata }: Target,
  method: DescMethod,
  requests: readonly Uint8Array[],
): Promise<{ error?: ServiceError; answers: Buffer[] }> {
  const path = methodPath(method);
  // Short, so that acquires that wait are also given up.
  const options = { deadline: Date.now() + (method.methodKind === 'unary' ? 1_000 : 700) };
  const { promise, resolve } = Promise.withResolvers<{ error?: ServiceError; answers: Buffer[] }>();
  const answers: Buffer[] = [];
  if (method.methodKind === 'unary') {
    channel.makeUnaryRequest(
      path,
      asIs,
      asIs,
      Buffer.from(requests[0]!),
      metadata,
      options,
      (error, answer) => resolve({ error: error ?? undefined, answers: answer ? [answer] : [] }),
    );
    return promise;
  }
  const stream = channel.makeBidiStreamRequest(path, asIs, asIs, metadata, options);
  stream.on('data', (answer: Buffer) => answers.push(answer));
  stream.on('error', (error: ServiceError) => resolve({ error, answers }));
  stream.on('end', () => resolve({ answers }));
  for (const request of requests) stream.write(Buffer.from(request));
  stream.end();
  return promise;
}

function judge(method: DescMethod, error: ServiceError | undefined, answers: readonly Buffer[]): void {
  for (const answer of answers) expect(() => fromBinary(method.output, answer)).not.toThrow();
  if (!error) return;
  expect(FAULTS, `${method.name}: ${error.message}`).not.toContain(error.code);
  if (error.code === status.DEADLINE_EXCEEDED) return;
  const [details] = error.metadata.get('grpc-status-details-bin');
  const sent = fromBinary(StatusSchema, details as Buffer);
  expect(sent.details.length).toBeGreaterThan(0);
  expect(error.details).not.toMatch(/select |insert |update | at .*\.ts|node_modules|pg_|relation/i);
}

/** Bytes cut, flipped, doubled, and bytes that never were a message. */
function mutated(message: fc.Arbitrary<Message>, type: DescMessage): fc.Arbitrary<Uint8Array> {
  const bytes = message.map((value) => toBinary(type, value));
  return fc.oneof(
    { weight: 8, arbitrary: bytes },
    fc.tuple(bytes, fc.nat(), fc.nat(255)).map(([whole, at, value]) => {
      const copy = Uint8Array.from(whole);
      if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    }),
    fc.tuple(bytes, fc.nat()).map(([whole, at]) => whole.subarray(0, at % (whole.length + 1))),
    bytes.map((whole) => Buffer.concat([whole, whole])),
    fc.uint8Array({ maxLength: 200 }),
  );
}
