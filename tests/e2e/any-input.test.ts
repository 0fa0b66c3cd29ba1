import { Client as Channel, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { randomUUIDv7 } from 'node:crypto';
import { fromBinary, toBinary, type DescMessage, type DescMethod, type Message } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { randomMessage, type Known } from '../support/random-messages.ts';
import { startPoolMesh, telethonString, tenantWithSessions, type PoolMesh } from '../support/session-pool.ts';

/** More by hand: PROPERTY_RUNS=2000 npx vitest run tests/e2e/any-input.test.ts */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 40);

/** What a caller may be told of its own doing; anything else is a fault of the service. */
const FAULTS = [status.INTERNAL, status.UNKNOWN, status.DATA_LOSS, status.UNIMPLEMENTED];

const asIs = (bytes: Buffer): Buffer => bytes;

let mesh: PoolMesh;
let channel: Channel;
let known: Known;
let metadata: Metadata;

beforeAll(async () => {
  mesh = await startPoolMesh();
  channel = new Channel(mesh.replicas[0]!.address, credentials.createInsecure());
  const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 30);
  const { lease } = await client.acquireLease({ selector: { sessionId: sessionIds[0]! } });
  metadata = new Metadata();
  const token = await mesh.tokenOf(servicePrincipal('tests', tenantId));
  metadata.set('authorization', `Bearer ${token}`);
  known = {
    sessionId: [...sessionIds, 999_999n],
    name: ['session 0', 'session 4'],
    leaseId: [lease!.leaseId, randomUUIDv7()],
    fencingToken: [lease!.fencingToken, lease!.fencingToken - 1n],
    requestId: ['', 'one', 'two'],
    pageToken: [''],
    etag: ['', '1'],
    paths: ['labels'],
    id: ['1', '2', '3'],
    material: [telethonString(), telethonString()],
    holder: ['', 'worker'],
    seconds: [5n, 30n],
    nanos: [0],
  };
});

afterAll(async () => {
  channel.close();
  await mesh.stop();
});

/** The status and everything that was sent; streams send their messages and close. */
function call(
  method: DescMethod,
  requests: readonly Uint8Array[],
): Promise<{ error?: ServiceError; answers: Buffer[] }> {
  const path = `/${SessionPoolService.typeName}/${method.name}`;
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

describe('no input makes a call crash or answer INTERNAL', () => {
  test.each(SessionPoolService.methods.map((method) => [method.name, method] as const))(
    '%s',
    async (_name, method) => {
      const message = randomMessage(method.input, known);
      const isStream = method.methodKind !== 'unary';
      const requests = fc.array(mutated(message, method.input), {
        minLength: 1,
        maxLength: isStream && method.methodKind !== 'server_streaming' ? 5 : 1,
      });
      await fc.assert(
        fc.asyncProperty(requests, async (sent) => {
          const { error, answers } = await call(method, sent);
          judge(method, error, answers);
        }),
        { numRuns: isStream ? Math.ceil(RUNS / 4) : RUNS },
      );
      const { child, log } = mesh.replicas[0]!;
      expect(child.exitCode).toBeNull();
      expect(log.filter(({ kind }) => kind === 'rpc_fault' || kind === 'fatal')).toEqual([]);
    },
    120_000,
  );
});
