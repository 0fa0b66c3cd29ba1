import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Logger } from '#lib/telemetry/log.ts';
import type { EdgeListener } from './listener.ts';

interface Http1Errors {
  on(event: 'clientError', listener: (error: NodeJS.ErrnoException, socket: Socket) => void): unknown;
}

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * What Node itself refuses before there is a request (headers that are too large, too late or none) is answered as
 * Node does, with a trace id that the log knows.
 */
export function answerUnreadable(server: Http1Errors, answering: WeakSet<Socket>, log: Logger): void {
  server.on('clientError', (error, socket) => {
    const { code = 'unknown' } = error;
    const status = STATUS[code] ?? '400 Bad Request';
    // Not into the middle of an answer.
    if (socket.writable && !answering.has(socket)) {
      const traceId = randomBytes(16).toString('hex');
      log.debug(
        { event: 'request_unreadable', trace_id: traceId, code, status },
        'a request can not be read',
      );
      socket.write(
        `HTTP/1.1 ${status}\r\ntrace-id: ${traceId}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      );
    }
    socket.destroy();
  });
}

/** Keeps in mind which connections have an answer under way. */
export function markAnswering(answering: WeakSet<Socket>, listener: EdgeListener): EdgeListener {
  return (request, response) => {
    const { socket } = request;
    answering.add(socket);
    response.once('close', () => answering.delete(socket));
    listener(request, response);
  };
}
