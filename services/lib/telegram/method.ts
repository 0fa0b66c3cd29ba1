import { SpanKind, type Attributes, type SpanOptions } from '@opentelemetry/api';
import { InvalidFields } from '#lib/rpc/errors.ts';
import type { Api } from './client.ts';

/** What all calls of one TL method have in common, made once. */
export interface Method {
  /** As TL has it: `messages.sendMessage`. */
  readonly name: string;
  /** It changes nothing, so that asking twice does no harm. */
  readonly reads: boolean;
  readonly spanOptions: SpanOptions;
  /** A duration's attributes, by outcome. */
  readonly measured: Record<string, Attributes>;
}

interface AnyObject {
  readonly className?: unknown;
  readonly query?: unknown;
  readonly increment?: unknown;
  readonly randomId?: unknown;
}

const methods = new Map<string, Method>();
/** The TL schema has about 700; what is beyond this is no method. */
const MAX_METHODS = 2_000;

/** Of the innermost request: `invokeWithoutUpdates` and its like say how, not what. */
export function methodOf(request: Api.AnyRequest): Method {
  const { className } = innermost(request) as { className: string };
  return methods.get(className) ?? addMethod(className);
}

function addMethod(className: string): Method {
  const name = methodName(className);
  const attributes = { 'rpc.system.name': 'telegram', 'rpc.method': name, 'telegram.method': name };
  const made: Method = {
    name,
    reads: READ.test(name),
    spanOptions: { kind: SpanKind.CLIENT, attributes },
    measured: {},
  };
  if (methods.size < MAX_METHODS) methods.set(className, made);
  return made;
}

/** TL begins its methods with a small letter, the classes made of them do not. */
function methodName(className: string): string {
  const at = className.lastIndexOf('.') + 1;
  return className.slice(0, at) + className.charAt(at).toLowerCase() + className.slice(at + 1);
}

/** Not `auth.*`: asking for a login token or a code makes a new one. */
const READ =
  /^(?!auth\.)(?:[a-z]+\.)?(?:get(?!BotCallbackAnswer)|search|resolve|check(?=Username|ChatInvite|Group)|ping)/i;

const MAX_WRAPPINGS = 8;

function innermost(request: Api.AnyRequest): AnyObject {
  let inner: AnyObject = request;
  for (let depth = 0; depth < MAX_WRAPPINGS && isWrapper(inner); depth += 1) inner = inner.query as AnyObject;
  return inner;
}

function isWrapper({ className, query }: AnyObject): boolean {
  return (
    typeof query === 'object' &&
    query !== null &&
    typeof className === 'string' &&
    (className.startsWith('Invoke') || className === 'InitConnection')
  );
}

/**
 * Whether the very same request may be sent again when nobody knows what became of the first: it reads, or it
 * carries the random_id by which Telegram knows it again.
 */
export function mayRepeat(method: Method, request: Api.AnyRequest): boolean {
  if (method.reads) return true;
  const { randomId } = innermost(request);
  return randomId !== undefined && randomId !== null;
}

/** Nothing that TeleGate does may raise a view counter. */
export function refuseRaisingViews(method: Method, request: Api.AnyRequest): void {
  if (method.name !== 'messages.getMessagesViews' || !innermost(request).increment) return;
  throw new InvalidFields([
    { field: 'increment', description: 'views are read here and never raised; leave it false' },
  ]);
}
