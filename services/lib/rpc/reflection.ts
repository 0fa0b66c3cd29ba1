import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { toBinary, type DescFile, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** Raw descriptors of the served files and all they import; other ways in lose what `buf curl` looks for. */
export function serveReflection(server: Server, services: readonly DescService[]): void {
  const files = new Map<string, Buffer>();
  for (const service of services) collect(service.file, files);
  const definition = { fileDescriptorProtos: [...files.values()] };
  const options = { services: services.map(({ typeName }) => typeName) };
  const reflection = new ReflectionService(
    { served: definition } as unknown as ConstructorParameters<typeof ReflectionService>[0],
    options,
  );
  reflection.addToServer(server);
}

function collect(file: DescFile, files: Map<string, Buffer>): void {
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const dependency of file.dependencies) collect(dependency, files);
}
