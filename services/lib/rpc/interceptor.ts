import {
  ServerInterceptingCall,
  type Metadata,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { BidiCall, ServerStreamCall } from './streaming.ts';
import type { Route, ServerCall, ServerState } from './call.ts';
import { GoingAway, TooManyStreams } from './errors.ts';
import { toStatus } from './status.ts';
import { UnaryCall } from './unary.ts';

/** Of health and reflection together; nobody needs many, and they come without credentials. */
const MAX_OTHER_CALLS = 1_000;

export interface CallInterceptor {
  interceptor: ServerInterceptor;
  /** Ends the open calls of health and reflection. */
  endOthers: () => void;
}

/**
 * Where every call enters. Those of our services are served by a ServerCall from here on, in place of the
 * handlers of grpc-js; health and reflection, which come as libraries, go on to theirs, untraced.
 */
export function callInterceptor(
  state: ServerState,
  routes: ReadonlyMap<string, Route>,
  reflection: 'on' | 'authenticated' | 'off',
): CallInterceptor {
  const others = new Set<ServerInterceptingCallInterface>();

  return {
    interceptor(method, wire) {
      const route = routes.get(method.path);
      if (route) return served(serverCall(state, route, wire), wire);
      const needsCredentials = reflection === 'authenticated' && method.path.startsWith('/grpc.reflection.');
      return passedOn(wire, needsCredentials);
    },
    endOthers() {
      const goingAway = toStatus(new GoingAway());
      for (const wire of others) wire.sendStatus(goingAway);
    },
  };

  function passedOn(
    wire: ServerInterceptingCallInterface,
    needsCredentials: boolean,
  ): ServerInterceptingCall {
    async function admit(metadata: Metadata, next: (metadata: Metadata) => void): Promise<void> {
      try {
        if (others.size >= MAX_OTHER_CALLS) throw new TooManyStreams('process', MAX_OTHER_CALLS);
        if (needsCredentials) await state.authenticate({ get: (name) => textOf(metadata, name) });
        others.add(wire);
        next(metadata);
      } catch (error) {
        wire.sendStatus(toStatus(error));
      }
    }
    return new ServerInterceptingCall(wire, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, goOn) => void admit(metadata, goOn),
          onCancel: () => void others.delete(wire),
        }),
    });
  }
}

function serverCall(state: ServerState, route: Route, wire: ServerInterceptingCallInterface): ServerCall {
  switch (route.method.methodKind) {
    case 'unary':
      return new UnaryCall(state, route, wire);
    case 'server_streaming':
      return new ServerStreamCall(state, route, wire);
    default:
      return new BidiCall(state, route, wire);
  }
}

/** Starts the wire with our listener; the one that grpc-js made for its own handler is never told anything. */
function served(call: ServerCall, wire: ServerInterceptingCallInterface): ServerInterceptingCall {
  return new ServerInterceptingCall(wire, { start: () => wire.start(call) });
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
