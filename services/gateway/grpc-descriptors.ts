import { create, createFileRegistry, fromBinary, type DescService } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type DescriptorProto,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { service as health } from 'grpc-health-check';

/** Of gRPC's own health protocol, from the library that the services of the mesh answer it with. */
export const HealthService: DescService = serviceOf(health, 'grpc.health.v1.Health');

interface LoadedMethod {
  readonly requestType: { readonly fileDescriptorProtos: readonly Uint8Array[] };
}

/** From a definition as proto-loader makes it, which carries its files in binary. */
export function serviceOf(definition: Readonly<Record<string, unknown>>, typeName: string): DescService {
  const files = new Map<string, FileDescriptorProto>();
  for (const method of Object.values(definition) as LoadedMethod[])
    for (const bytes of method.requestType.fileDescriptorProtos) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  for (const file of files.values()) {
    leaveOutMaps(file);
    nameInFull(file);
  }
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files.values()] }));
  const service = registry.getService(typeName);
  if (!service) throw new Error(`the definition has no ${typeName}`);
  return service;
}

/** proto-loader names the entries of maps in a way that clients in Go refuse, and the whole file with them. */
function leaveOutMaps(file: FileDescriptorProto): void {
  const left = new Set(file.messageType.filter(hasMap).map(({ name }) => name));
  file.messageType = file.messageType.filter(({ name }) => !left.has(name));
  for (const service of file.service)
    service.method = service.method.filter(({ outputType }) => !left.has(outputType.split('.').at(-1)!));
}

function hasMap({ nestedType }: DescriptorProto): boolean {
  return nestedType.some(({ options }) => options?.mapEntry === true);
}

/** proto-loader names the types of fields and methods as the source does; descriptors want them from the root. */
function nameInFull(file: FileDescriptorProto): void {
  const messages = file.messageType.flatMap((message) => withNested(message, `.${file.package}`));
  const names = messages.flatMap(({ name, message }) => [
    name,
    ...message.enumType.map((one) => `${name}.${one.name}`),
  ]);
  const inFull = (name: string): string =>
    name.startsWith('.') ? name : (names.find((known) => known.endsWith(`.${name}`)) ?? name);
  for (const { message } of messages)
    for (const field of message.field) if (field.typeName !== '') field.typeName = inFull(field.typeName);
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = inFull(method.inputType);
    method.outputType = inFull(method.outputType);
  }
}

function withNested(message: DescriptorProto, parent: string): { name: string; message: DescriptorProto }[] {
  const name = `${parent}.${message.name}`;
  return [{ name, message }, ...message.nestedType.flatMap((nested) => withNested(nested, name))];
}
