/*
 * One echo method behind each library: grpc-js, connect-node over HTTP/2 (which serves gRPC) and over HTTP/1.1
 * (which serves Connect).
 */
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { create } from '@bufbuild/protobuf';
import { encode, serviceDefinition } from '#lib/rpc/definition.ts';
import { EchoResponseSchema, EchoService, type EchoRequest } from '../../support/echo/v1/echo_pb.ts';

const answer = ({ text, payload }: EchoRequest) => create(EchoResponseSchema, { text, payload });

const adapter = connectNodeAdapter({ routes: (router) => router.service(EchoService, { echo: answer }) });
const connectHttp2 = http2.createServer(adapter);
const connectHttp1 = http.createServer(adapter);
const grpc = new Server({ 'grpc.enable_channelz': 0 });
grpc.addService(serviceDefinition(EchoService), {
  Echo: (call: { request: EchoRequest }, done: (error: null, message: unknown) => void) =>
    done(null, encode(EchoResponseSchema, answer(call.request))),
});

function listen(server: http.Server | http2.Http2Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

const grpcPort = await new Promise<number>((resolve, reject) => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
});
const ports = { grpc: grpcPort, http2: await listen(connectHttp2), http1: await listen(connectHttp1) };
console.log(JSON.stringify({ kind: 'serving', ...ports }));
process.once('SIGTERM', () => process.exit(0));
