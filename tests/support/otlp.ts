import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  /** OTLP's numbers: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  attributes: Record<string, unknown>;
  /** 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string;
  links: Array<{ traceId: string; spanId: string }>;
  resource: Record<string, unknown>;
}

export interface ReceivedLine {
  service: string;
  traceId: string | undefined;
  spanId: string | undefined;
  severity: string;
  body: string;
  attributes: Record<string, unknown>;
}

export interface OtlpReceiver {
  url: string;
  /** What a process must have in its environment to export here. */
  env: Record<string, string>;
  spans(): ReceivedSpan[];
  lines(): ReceivedLine[];
  /** Everything received, as text: for looking for what must not be in it. */
  raw(): string;
  clear(): void;
  close(): Promise<void>;
}

/** A collector that understands OTLP over HTTP as JSON, and keeps what it gets. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  let spans: ReceivedSpan[] = [];
  let lines: ReceivedLine[] = [];
  let raw: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (!request.headers['content-type']?.includes('json')) {
        response.writeHead(415).end('only JSON: set OTEL_EXPORTER_OTLP_PROTOCOL=http/json');
        return;
      }
      const body = Buffer.concat(chunks).toString();
      raw.push(body);
      if (request.url === '/v1/traces') spans.push(...parseSpans(body));
      if (request.url === '/v1/logs') lines.push(...parseLines(body));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BLRP_SCHEDULE_DELAY: '50',
    },
    spans: () => [...spans],
    lines: () => [...lines],
    raw: () => raw.join('\n'),
    clear() {
      spans = [];
      lines = [];
      raw = [];
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}

interface ExportedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes?: KeyValue[];
  status?: { code?: number; message?: string };
  links?: Array<{ traceId: string; spanId: string }>;
}

interface ExportRequest {
  resourceSpans?: Array<{
    resource?: { attributes?: KeyValue[] };
    scopeSpans?: Array<{ spans?: ExportedSpan[] }>;
  }>;
}

function parseSpans(body: string): ReceivedSpan[] {
  const request = JSON.parse(body) as ExportRequest;
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const resourceAttributes = attributesOf(resource?.attributes);
    return (scopeSpans ?? []).flatMap((scope) =>
      (scope.spans ?? []).map((span) => ({
        service: String(resourceAttributes['service.name']),
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || undefined,
        name: span.name,
        kind: span.kind,
        attributes: attributesOf(span.attributes),
        statusCode: span.status?.code ?? 0,
        statusMessage: span.status?.message ?? '',
        links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
        resource: resourceAttributes,
      })),
    );
  });
}

interface ExportedLine {
  traceId?: string;
  spanId?: string;
  severityText?: string;
  body?: { stringValue?: string };
  attributes?: KeyValue[];
}

interface LogsRequest {
  resourceLogs?: Array<{
    resource?: { attributes?: KeyValue[] };
    scopeLogs?: Array<{ logRecords?: ExportedLine[] }>;
  }>;
}

function parseLines(body: string): ReceivedLine[] {
  const request = JSON.parse(body) as LogsRequest;
  return (request.resourceLogs ?? []).flatMap(({ resource, scopeLogs }) => {
    const service = String(attributesOf(resource?.attributes)['service.name']);
    return (scopeLogs ?? []).flatMap((scope) =>
      (scope.logRecords ?? []).map((line) => ({
        service,
        traceId: line.traceId || undefined,
        spanId: line.spanId || undefined,
        severity: line.severityText ?? '',
        body: line.body?.stringValue ?? '',
        attributes: attributesOf(line.attributes),
      })),
    );
  });
}

function attributesOf(list: KeyValue[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}
