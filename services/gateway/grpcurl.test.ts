import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromBinary, isFieldSet } from '@bufbuild/protobuf';
import { FieldDescriptorProtoSchema, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { service as health } from 'grpc-health-check';
import { serveEcho, testAuthenticator, type EchoServer } from '../../tests/support/echo/echo-service.ts';
import { loadReflection } from '../../tests/support/echo/reflection-client.ts';
import { meshBridges, openMesh, type Mesh } from './mesh.ts';
import { serveEdge, type EdgeServing } from './serve.ts';

const NOWHERE = '127.0.0.1:9';
let pool: EchoServer;
let mesh: Mesh;
let edge: EdgeServing;
let channel: Client;

beforeAll(async () => {
  pool = await serveEcho();
  mesh = openMesh(
    {
      sessionPool: pool.address,
      accountAuth: NOWHERE,
      messaging: NOWHERE,
      proxyRegistry: NOWHERE,
      engagement: NOWHERE,
    },
    {},
  );
  edge = await serveEdge({
    host: '127.0.0.1',
    port: 0,
    bridges: meshBridges(mesh),
    routes: [],
    authenticate: testAuthenticator().authenticate,
    corsOrigins: [],
    log: pino({ level: 'silent' }),
    clock: systemClock,
  });
  channel = new Client(`127.0.0.1:${edge.port}`, credentials.createInsecure());
});
afterAll(async () => {
  channel.close();
  await edge.drain(0);
  mesh.close();
  await pool.drain(0);
});

describe('reflection', () => {
  test('lists what is served, and describes it', async () => {
    const ask = loadReflection(channel, { 'x-api-key': 'user' });
    const listed = await ask({ listServices: '*' });
    const names = listed.listServicesResponse!.service.map(({ name }) => name);
    expect(names).toContain('telegate.session_pool.v1.SessionPoolService');
    expect(names).toContain('telegate.engagement.v1.EngagementService');
    expect(names).toContain('grpc.health.v1.Health');
    const described = await ask({ fileContainingSymbol: 'telegate.messaging.v1.MessagingService' });
    const files = described.fileDescriptorResponse!.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    expect(files.flatMap((file) => file.service.map(({ name }) => name))).toContain('MessagingService');
    const own = await ask({ fileContainingSymbol: 'grpc.health.v1.Health' });
    const [file] = own.fileDescriptorResponse!.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    // A name that is there and empty is one that Go's clients refuse.
    const fields = file!.messageType.flatMap(({ field }) => field);
    const named = fields.filter((field) => isFieldSet(field, FieldDescriptorProtoSchema.field.typeName));
    expect(named.map(({ typeName }) => typeName)).not.toContain('');
    expect(file!.messageType.flatMap(({ nestedType }) => nestedType)).toEqual([]);
    expect(await ask({ fileContainingSymbol: 'no.such.Thing' })).toMatchObject({
      errorResponse: { errorCode: 5 },
    });
  });

  test('is for known callers', async () => {
    await expect(loadReflection(channel)({ listServices: '*' })).rejects.toMatchObject({ code: 16 });
  });
});

describe('health', () => {
  const { Check, Watch } = health;

  function check(service: string): Promise<{ status: string }> {
    return new Promise((resolve, reject) => {
      channel.makeUnaryRequest(
        Check!.path,
        Check!.requestSerialize,
        Check!.responseDeserialize,
        { service },
        (error: ServiceError | null, answer?: unknown) =>
          error ? reject(error) : resolve(answer as { status: string }),
      );
    });
  }

  test('of the gateway, of each service behind it, and of none', async () => {
    expect(await check('')).toMatchObject({ status: 'SERVING' });
    expect(await check('telegate.session_pool.v1.SessionPoolService')).toMatchObject({ status: 'SERVING' });
    expect(await check('telegate.messaging.v1.MessagingService')).toMatchObject({ status: 'NOT_SERVING' });
    await expect(check('no.such.Service')).rejects.toMatchObject({ code: 5 });
  });

  test('as it changes', async () => {
    const stream = channel.makeServerStreamRequest(
      Watch!.path,
      Watch!.requestSerialize,
      Watch!.responseDeserialize,
      { service: 'telegate.session_pool.v1.SessionPoolService' },
    );
    stream.on('error', () => undefined);
    const next = (): Promise<unknown> => new Promise((resolve) => stream.once('data', resolve));
    expect(await next()).toMatchObject({ status: 'SERVING' });
    pool.setServing(false);
    expect(await next()).toMatchObject({ status: 'NOT_SERVING' });
    pool.setServing(true);
    expect(await next()).toMatchObject({ status: 'SERVING' });
    stream.cancel();
  });
});
