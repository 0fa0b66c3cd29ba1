import { createRequire } from 'node:module';
import path from 'node:path';
import {
  loadPackageDefinition,
  Metadata,
  type Client,
  type GrpcObject,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface ReflectionAnswer {
  listServicesResponse?: { service: { name: string }[] };
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] };
}

const packageFolder = path.dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
const protoFile = path.join(packageFolder, 'build/proto/grpc/reflection/v1/reflection.proto');

interface ReflectionPackage {
  grpc: {
    reflection: {
      v1: { ServerReflection: { service: Record<string, MethodDefinition<object, ReflectionAnswer>> } };
    };
  };
}

/** Asks one question over a reflection stream of its own. */
export function loadReflection(
  channel: Client,
  metadata: Record<string, string> = {},
): (question: object) => Promise<ReflectionAnswer> {
  const loaded: GrpcObject = loadPackageDefinition(loadSync(protoFile));
  const { service } = (loaded as unknown as ReflectionPackage).grpc.reflection.v1.ServerReflection;
  const { path: method, requestSerialize, responseDeserialize } = service['ServerReflectionInfo']!;
  return (question) =>
    new Promise((resolve, reject) => {
      const sent = Metadata.fromHttp2Headers(metadata);
      const stream = channel.makeBidiStreamRequest(method, requestSerialize, responseDeserialize, sent);
      stream.on('data', resolve);
      stream.on('error', reject);
      stream.write(question);
      stream.end();
    });
}
