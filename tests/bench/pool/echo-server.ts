/*
 * The measure of what the client, the wire and grpc-js cost by themselves: a bare grpc-js server that answers
 * the pool's own methods with bytes that a pool once answered. `node echo-server.ts '{"/path": "base64"}'`.
 */
import { Server, ServerCredentials, type sendUnaryData, type ServiceDefinition } from '@grpc/grpc-js';

const answers = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
const asIs = (bytes: Buffer): Buffer => bytes;

const definition: Record<string, ServiceDefinition[string]> = {};
const handlers: Record<string, (call: unknown, answer: sendUnaryData<Buffer>) => void> = {};
for (const [path, base64] of Object.entries(answers)) {
  const bytes = Buffer.from(base64, 'base64');
  definition[path] = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  handlers[path] = (_call, answer) => answer(null, bytes);
}

const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(definition, handlers);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ kind: 'serving', port }));
});
process.once('SIGTERM', () => server.forceShutdown());
