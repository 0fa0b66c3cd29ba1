import { SpanKind, SpanStatusCode, context, trace, type Attributes, type Span } from '@opentelemetry/api';
import { Client as PgClient, DatabaseError, Pool as PgPool } from 'pg';
import type pg from 'pg';
import { ConnectionLost, DatabaseUnavailable } from './errors.ts';
import { statementOf } from './statements.ts';

const tracer = trace.getTracer('telegate.postgres');

/** A prepared statement takes memory in the server for as long as its connection lives. */
const PREPARED_PER_CONNECTION = 500;

export interface ClientSettings {
  /** What every span of this connection says of where it went. */
  attributes: Attributes;
  /** A server that is gone without a word never sends statement_timeout's error: then this ends the wait. */
  silenceTimeoutMs: number;
  /** The other connections of the pool, this one among them. */
  connections: Set<Client>;
}

interface Query {
  text: string;
  values?: unknown[];
  name?: string;
}

/** Traces and prepares each statement, and tells a lost connection from a refused statement. */
export class Client extends PgClient {
  readonly #settings: ClientSettings;
  readonly #prepared = new Map<string, string>();
  #generation = 0;
  #lost = false;
  #unanswered = 0;
  /** On the monotonic clock: when the server last answered here. */
  #heardAt = performance.now();

  constructor(config: pg.ClientConfig, settings: ClientSettings) {
    super(config);
    this.#settings = settings;
    settings.connections.add(this);
    // Without a listener, a connection that breaks while it is checked out would end the process.
    this.on('error', () => this.#lose());
    this.on('end', () => this.#lose());
  }

  #lose(): void {
    this.#lost = true;
    this.#settings.connections.delete(this);
  }

  // One signature that fits all overloads of the base class.
  override query(...args: never[]): never {
    const [first, values] = args as unknown[];
    const plain =
      typeof first === 'string' || (typeof first === 'object' && first !== null && 'text' in first);
    if (!plain || typeof args.at(-1) === 'function' || (typeof first === 'object' && 'submit' in first)) {
      return super.query(...(args as unknown as [pg.Submittable])) as never;
    }
    const query = (typeof first === 'string' ? { text: first } : { ...first }) as Query;
    query.values ??= values as unknown[] | undefined;
    return this.#traced(query) as never;
  }

  async #traced(query: Query): Promise<pg.QueryResult> {
    if (!trace.getSpan(context.active())) return await this.#send(query);
    const { summary } = statementOf(query.text);
    return await tracer.startActiveSpan(
      summary,
      { kind: SpanKind.CLIENT, attributes: { ...this.#settings.attributes, 'db.query.summary': summary } },
      async (span) => {
        try {
          const result = await this.#send(query);
          // More than one statement in a text is answered by an array.
          if (result.rowCount !== undefined)
            span.setAttribute('db.response.returned_rows', result.rows.length);
          return result;
        } catch (error) {
          fail(span, error);
          throw error;
        } finally {
          span.end();
        }
      },
    );
  }

  async #send(query: Query): Promise<pg.QueryResult> {
    const { silenceTimeoutMs } = this.#settings;
    if (query.values?.length) query.name ??= this.#nameOf(query.text);
    const sentAt = performance.now();
    const silence = setTimeout(() => this.#giveUpAll(sentAt), silenceTimeoutMs);
    this.#unanswered += 1;
    try {
      return await super.query(query);
    } catch (error) {
      throw this.#classified(error);
    } finally {
      clearTimeout(silence);
      this.#unanswered -= 1;
      this.#heardAt = performance.now();
    }
  }

  /**
   * What silenced one connection most likely silenced all: those that rest and were not heard since go too, or each
   * would cost the next caller the same wait. Those with a statement under way have a wait of their own.
   */
  #giveUpAll(since: number): void {
    for (const one of this.#settings.connections)
      if (one === this || (one.#unanswered === 0 && one.#heardAt < since)) one.#giveUp();
  }

  #giveUp(): void {
    const { silenceTimeoutMs } = this.#settings;
    this.connection.stream.destroy(new Error(`the server did not answer for ${silenceTimeoutMs} ms`));
  }

  #nameOf(text: string): string | undefined {
    const known = this.#prepared.get(text);
    if (known !== undefined || this.#prepared.size >= PREPARED_PER_CONNECTION) return known;
    const name = `${statementOf(text).name}_${this.#generation}`;
    this.#prepared.set(text, name);
    return name;
  }

  #classified(error: unknown): unknown {
    if (error instanceof DatabaseError) {
      if (isStalePlan(error)) this.#forgetPrepared();
      if (isFatal(error)) return new ConnectionLost(error);
      return isExhausted(error) ? new DatabaseUnavailable(error) : error;
    }
    if (this.#lost) return new ConnectionLost(error);
    // A parameter that could not be encoded leaves its statement closed in the server but open in the driver.
    this.#forgetPrepared();
    return error;
  }

  #forgetPrepared(): void {
    this.#prepared.clear();
    this.#generation += 1;
  }
}

/** A migration changed what a prepared `select *` returns, or the server forgot the statement. */
export function isStalePlan(error: pg.DatabaseError): boolean {
  return (error.code === '0A000' && error.routine === 'RevalidateCachedQuery') || error.code === '26000';
}

/** The session ended, and nobody knows how far it came. One that idled too long certainly did not commit. */
function isFatal(error: pg.DatabaseError): boolean {
  const isUndone = error.code === '25P03' || error.code === '25P04';
  return (error.severity === 'FATAL' || error.severity === 'PANIC') && !isUndone;
}

/** Class 53 (out of memory, disk, connections), a statement timeout, a lock timeout. */
function isExhausted(error: pg.DatabaseError): boolean {
  return error.code?.startsWith('53') === true || error.code === '57014' || error.code === '55P03';
}

/** Only the SQLSTATE is recorded: the text of an error can hold values. */
function fail(span: Span, error: unknown): void {
  const cause = error instanceof DatabaseUnavailable ? error.cause : error;
  const type = cause instanceof DatabaseError && cause.code ? cause.code : (error as Error).name;
  if (cause instanceof DatabaseError) span.setAttribute('db.response.status_code', type);
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Like pg.Pool, but a failed statement does not cost its connection, and callers keep their trace context. */
export class Pool extends PgPool {
  override connect(...args: never[]): never {
    if (args.length > 0) return super.connect(...(args as unknown as [() => void])) as never;
    return this.#checkedOut() as never;
  }

  override query(...args: never[]): never {
    return this.#queried(args) as never;
  }

  async #checkedOut(): Promise<pg.PoolClient> {
    if (this.ending) throw new DatabaseUnavailable(new Error('the connections of this process are closed'));
    try {
      return await super.connect();
    } catch (error) {
      throw new DatabaseUnavailable(error);
    }
  }

  async #queried(args: never[]): Promise<unknown> {
    if (typeof args.at(-1) === 'function')
      throw new TypeError('pool.query gives a promise and takes no callback');
    const client = await this.#checkedOut();
    try {
      return await client.query(...(args as unknown as [string]));
    } finally {
      client.release();
    }
  }
}
