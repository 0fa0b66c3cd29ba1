import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { LeaseProof } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  AcquireLeaseRequestSchema,
  AcquireLeaseResponseSchema,
  GetPoolStatusRequestSchema,
  ManageLeasesRequestSchema,
  ManageLeasesResponseSchema,
  ReleaseLeaseRequestSchema,
  ReleaseLeaseResponseSchema,
  type ManageLeasesRequest,
  type ManageLeasesResponse,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';

const SERVICE = '/telegate.session_pool.v1.SessionPoolService';
export const paths = {
  acquire: `${SERVICE}/AcquireLease`,
  release: `${SERVICE}/ReleaseLease`,
  status: `${SERVICE}/GetPoolStatus`,
  sync: `${SERVICE}/SyncSessions`,
  manage: `${SERVICE}/ManageLeases`,
} as const;

export type Proof = Pick<LeaseProof, 'leaseId' | 'fencingToken'>;

/** Bare grpc-js with the generated messages: the same towards the pool and towards the echo. */
export interface BenchClient {
  acquire(): Promise<Proof>;
  release(lease: Proof): Promise<void>;
  status(): Promise<void>;
  /** The answer's bytes, for the echo to give. */
  raw(path: string, request: Uint8Array): Promise<Buffer>;
  manage(): Worker;
  close(): void;
}

/** One ManageLeases stream. */
export interface Worker {
  acquire(): Promise<Proof>;
  release(lease: Proof): Promise<void>;
  /** Answers how many were renewed. */
  renew(leases: readonly Proof[]): Promise<number>;
  end(): void;
}

const request = { holder: 'bench worker' };

export function openClient(address: string, apiKey: string): BenchClient {
  const channel = new Client(address, credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
  const metadata = new Metadata();
  metadata.set('x-api-key', apiKey);

  function call<T>(path: string, bytes: Buffer, decode: (answer: Buffer) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      channel.makeUnaryRequest(path, asIs, decode, bytes, metadata, {}, (error, answer) => {
        if (error) reject(error);
        else resolve(answer!);
      });
    });
  }

  return {
    async acquire() {
      const bytes = encode(AcquireLeaseRequestSchema, request);
      const { lease } = await call(paths.acquire, bytes, (answer) =>
        fromBinary(AcquireLeaseResponseSchema, answer),
      );
      return lease!;
    },
    async release({ leaseId, fencingToken }) {
      const bytes = encode(ReleaseLeaseRequestSchema, { lease: { leaseId, fencingToken } });
      await call(paths.release, bytes, (answer) => fromBinary(ReleaseLeaseResponseSchema, answer));
    },
    async status() {
      await call(paths.status, encode(GetPoolStatusRequestSchema, {}), asIs);
    },
    raw: (path, bytes) => call(path, Buffer.from(bytes), asIs),
    manage: () =>
      workerOn(
        channel.makeBidiStreamRequest(
          paths.manage,
          (message: ManageLeasesRequest) => encode(ManageLeasesRequestSchema, message),
          (answer) => fromBinary(ManageLeasesResponseSchema, answer),
          metadata,
        ),
      ),
    close: () => channel.close(),
  };
}

type Action = MessageInitShape<typeof ManageLeasesRequestSchema>['action'];

function workerOn(stream: ClientDuplexStream<ManageLeasesRequest, ManageLeasesResponse>): Worker {
  const waiting = new Map<string, PromiseWithResolvers<ManageLeasesResponse['result']>>();
  let lastId = 0;
  stream.on('data', ({ id, result }: ManageLeasesResponse) => {
    const asked = waiting.get(id);
    // Notices have no id.
    if (!asked) return;
    waiting.delete(id);
    asked.resolve(result);
  });
  stream.on('error', (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });

  function ask(action: Action): Promise<ManageLeasesResponse['result']> {
    const id = String((lastId += 1));
    const asked = Promise.withResolvers<ManageLeasesResponse['result']>();
    waiting.set(id, asked);
    stream.write(create(ManageLeasesRequestSchema, { id, action }));
    return asked.promise;
  }

  return {
    async acquire() {
      const result = await ask({ case: 'acquire', value: create(AcquireLeaseRequestSchema, request) });
      if (result.case !== 'acquired') throw unexpected(result);
      return result.value;
    },
    async release({ leaseId, fencingToken }) {
      const result = await ask({ case: 'release', value: { leaseId, fencingToken } });
      if (result.case !== 'released') throw unexpected(result);
    },
    async renew(leases) {
      const proofs = leases.map(({ leaseId, fencingToken }) => ({ leaseId, fencingToken }));
      const result = await ask({ case: 'renew', value: { leases: proofs } });
      if (result.case !== 'renewed') throw unexpected(result);
      return result.value.renewed.length;
    },
    end: () => stream.end(),
  };
}

function unexpected(result: ManageLeasesResponse['result']): Error {
  const words = result.case === 'error' ? result.value.message : result.case;
  return new Error(`the pool answered: ${words}`);
}

function encode<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(schema, create(schema, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
