import { EventEmitter } from 'node:events';
import { Metadata, type Server, type ServiceDefinition } from '@grpc/grpc-js';
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { Client } from '#lib/rpc/client.ts';
import type { BidiStream } from '#lib/rpc/client-streams.ts';
import { serveReflection } from '#lib/rpc/reflection.ts';
import { bridge, type Bridge } from './bridge.ts';
import { serviceOf } from './grpc-descriptors.ts';

const VERSIONS = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

type Message = MessageShape<DescMessage>;
type Ask = (stream: EventEmitter) => void;

/** What grpcurl and its like ask for the calls that are served here; for known callers, or for everybody. */
export function reflectionBridges(served: readonly DescService[], isOpen: boolean): Bridge[] {
  return registered(served).map(({ definition, ask }) => {
    const [loaded] = Object.values(definition);
    const typeName = VERSIONS.find((name) => loaded!.path.startsWith(`/${name}/`))!;
    const service = serviceOf(definition, typeName);
    const { input, output } = service.method['serverReflectionInfo']!;
    const answer = (request: MessageInitShape<DescMessage>): Message => {
      let bytes: Buffer | undefined;
      const stream = Object.assign(new EventEmitter(), {
        write: (response: object) => void (bytes = loaded!.responseSerialize(response)),
        end: () => undefined,
      });
      ask(stream);
      stream.emit('data', loaded!.requestDeserialize(Buffer.from(toBinary(input, create(input, request)))));
      if (!bytes) throw new Error('reflection did not answer');
      return fromBinary(output, bytes);
    };
    const local = { serverReflectionInfo: () => conversation(answer) };
    return bridge(service, local as unknown as Client<DescService>, {
      open: isOpen ? ['serverReflectionInfo'] : [],
    });
  });
}

/** The library answers on a server of grpc-js; what it registers there is taken and answered with here. */
function registered(served: readonly DescService[]): { definition: ServiceDefinition; ask: Ask }[] {
  const all: { definition: ServiceDefinition; ask: Ask }[] = [];
  const recorder = {
    addService: (definition: ServiceDefinition, implementation: Record<string, Ask>) =>
      void all.push({ definition, ask: Object.values(implementation)[0]! }),
  };
  serveReflection(recorder as unknown as Server, served);
  return all;
}

/** One answer for each message, no sooner than the one before is taken. */
function conversation(
  answer: (request: MessageInitShape<DescMessage>) => Message,
): BidiStream<DescMessage, DescMessage> {
  const { readable, writable } = new TransformStream<MessageInitShape<DescMessage>, Message>({
    transform: (request, controller) => controller.enqueue(answer(request)),
  });
  const writer = writable.getWriter();
  writer.closed.catch(ignore);
  return {
    async send(request) {
      await writer.ready;
      await writer.write(request);
    },
    end: () => void writer.close().catch(ignore),
    responses: readable,
    opened: Promise.resolve(new Metadata()),
    cancel: () => void writer.abort().catch(ignore),
  };
}

function ignore(): void {}
