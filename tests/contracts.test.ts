import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ScalarType } from '@bufbuild/protobuf';
import type { DescFile, DescMessage, DescMethod } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, test } from 'vitest';
import { ErrorReasonSchema } from '#gen/telegate/errors/v1/errors_pb.ts';
import { scopes } from '#lib/auth/principal.ts';

const root = join(import.meta.dirname, '..');
const streams = [
  'AccountAuthService.StartQrLogin',
  'EngagementService.WatchCampaign',
  'LocalTelegramService.WatchLog',
  'MessagingService.WatchMessages',
  'SessionPoolService.HoldLease',
  'SessionPoolService.ManageLeases',
  'SessionPoolService.WatchPool',
];

let protoTexts: { file: string; text: string }[];
let methods: DescMethod[];
let messages: DescMessage[];

beforeAll(async () => {
  const names = await readdir(join(root, 'proto/telegate'), { recursive: true });
  const protoFiles = names.filter((name) => name.endsWith('.proto'));
  protoTexts = await Promise.all(
    protoFiles.map(async (file) => ({
      file,
      text: await readFile(join(root, 'proto/telegate', file), 'utf8'),
    })),
  );
  const modules = await Promise.all(
    protoFiles.map(async (file) => {
      const path = join(root, 'gen/ts/telegate', file.replace('.proto', '_pb.ts'));
      return (await import(/* @vite-ignore */ path)) as Record<string, unknown>;
    }),
  );
  const files = modules.flatMap((module) =>
    Object.values(module).filter((value): value is DescFile => (value as DescFile | null)?.kind === 'file'),
  );
  methods = files.flatMap(({ services }) => services.flatMap((service) => service.methods));
  messages = files.flatMap((file) => file.messages);
});

const nameOf = (method: DescMethod) => `${method.parent.name}.${method.name}`;

describe('the contracts', () => {
  test('stream only where it is meant', () => {
    const streaming = methods.filter(({ methodKind }) => methodKind !== 'unary').map(nameOf);
    expect(streaming.toSorted()).toEqual(streams);
  });

  test('page every list', () => {
    const lists = methods.filter(({ name }) => name.startsWith('List'));
    expect(lists.length).toBeGreaterThan(10);
    const unpaged = lists.filter(
      ({ input, output }) =>
        !input.field['pageSize'] || !input.field['pageToken'] || !output.field['nextPageToken'],
    );
    expect(unpaged.map(nameOf)).toEqual([]);
  });

  test('take a mask for every update', () => {
    const updates = methods.filter(({ name }) => name.startsWith('Update'));
    expect(updates.length).toBeGreaterThan(3);
    expect(updates.filter(({ input }) => !input.field['updateMask']).map(nameOf)).toEqual([]);
  });

  test('name moments x_time, and ids as text but for those known as numbers', () => {
    const fields = messages.flatMap((message) => message.fields);
    const timestamps = fields.filter((field) => field.message?.typeName === 'google.protobuf.Timestamp');
    const oddlyNamed = timestamps.filter(({ name }) => !name.endsWith('_time') && name !== 'deadline');
    expect(oddlyNamed.map(String)).toEqual([]);

    const numbers = /^(\w+_)?(session_id|message_id|post_id|random_id)s?$/;
    const ids = fields.filter(({ name }) => /_ids?$/.test(name) && !numbers.test(name));
    const notText = ids.filter((field) => {
      if (field.fieldKind !== 'scalar' && field.fieldKind !== 'list') return true;
      return field.scalar !== ScalarType.STRING;
    });
    expect(notText.map(String)).toEqual([]);
  });

  test('name only reasons and scopes that exist', () => {
    const reasons = new Set(ErrorReasonSchema.values.map(({ name }) => name.replace(/^ERROR_REASON_/, '')));
    const unknown = protoTexts.flatMap(({ file, text }) => {
      const comments = text.replaceAll(/\n *\/\/ ?/g, ' ');
      const listed = [...comments.matchAll(/\bErrors(?:: | as )([^;]*?)(?:\.(?= )| rpc )/g)];
      const named = listed.flatMap(([, list]) => list!.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? []);
      const wantedScopes = [...comments.matchAll(/\bScope `([^`]+)`/g)].map(([, scope]) => scope!);
      return [
        ...named.filter((reason) => !reasons.has(reason)),
        ...wantedScopes.filter((scope) => !(scopes as readonly string[]).includes(scope)),
      ].map((name) => `${file}: ${name}`);
    });
    expect(unknown).toEqual([]);
  });
});
