import { Client as Channel, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { create, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { service as healthService } from 'grpc-health-check';
import { expect, test, vi } from 'vitest';
import { closing, startServer } from '../../../tests/support/echo/harness.ts';
import { loadReflection, type ReflectionAnswer } from '../../../tests/support/echo/reflection-client.ts';

function channelTo(address: string): Channel {
  const channel = new Channel(address, credentials.createInsecure());
  closing.push(() => channel.close());
  return channel;
}

function check(channel: Channel, service: string): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = healthService['Check']!;
  return new Promise((resolve) => {
    channel.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
      (error: ServiceError | null, answer?: object) =>
        resolve(error ? status[error.code] : (answer as { status: string }).status),
    );
  });
}

test('health needs no credentials and tells the process and each service', async () => {
  const server = await startServer();
  const channel = channelTo(server.address);
  expect(await check(channel, '')).toBe('SERVING');
  expect(await check(channel, 'telegate.test.echo.v1.EchoService')).toBe('SERVING');
  expect(await check(channel, 'no.such.Service')).toBe('NOT_FOUND');
  server.setServing(false);
  expect(await check(channel, '')).toBe('NOT_SERVING');
});

test('a watcher of health is told of the drain, and does not hold it up', async () => {
  const server = await startServer();
  const { path, requestSerialize, responseDeserialize } = healthService['Watch']!;
  const watch = channelTo(server.address).makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    { service: '' },
    new Metadata(),
  );
  const seen: string[] = [];
  const ended = new Promise<status>((resolve) => {
    watch.on('error', (error: ServiceError) => resolve(error.code));
  });
  watch.on('data', (answer: { status: string }) => seen.push(answer.status));
  await vi.waitFor(() => expect(seen).toEqual(['SERVING']));
  await server.drain(10_000);
  expect(await ended).toBe(status.UNAVAILABLE);
  expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
});

test('reflection lists the services and serves the files of a symbol', async () => {
  const server = await startServer();
  const ask = loadReflection(channelTo(server.address));
  const listed: ReflectionAnswer = await ask({ listServices: '*' });
  expect(listed.listServicesResponse?.service.map(({ name }) => name)).toEqual([
    'telegate.test.echo.v1.EchoService',
  ]);
  const found = await ask({ fileContainingSymbol: 'telegate.test.echo.v1.EchoService' });
  const files = found.fileDescriptorResponse!.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  expect(files.map(({ name }) => name)).toEqual(['v1/echo.proto', 'google/protobuf/duration.proto']);
  expect(create(FileDescriptorProtoSchema, files[0]).service[0]?.method).toHaveLength(3);
});

test('reflection asks for credentials when told to, and is not there when off', async () => {
  const guarded = await startServer({ reflection: 'authenticated' });
  await expect(loadReflection(channelTo(guarded.address))({ listServices: '*' })).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
  });
  const allowed = loadReflection(channelTo(guarded.address), { 'x-api-key': 'user' });
  await expect(allowed({ listServices: '*' })).resolves.toBeDefined();
  const off = await startServer({ reflection: 'off' });
  await expect(loadReflection(channelTo(off.address))({ listServices: '*' })).rejects.toMatchObject({
    code: status.UNIMPLEMENTED,
  });
});
