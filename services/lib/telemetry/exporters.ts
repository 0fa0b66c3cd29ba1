import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { ConsoleSpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace';

/**
 * Which exporters the standard variables ask for. Unlike the SDK's own defaults, nothing is sent anywhere
 * until an endpoint or an exporter is named. The exporters themselves read endpoint, headers and timeouts.
 */
export function spanExporters(env: NodeJS.ProcessEnv): SpanExporter[] {
  if (isDisabled(env)) return [];
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const names = exporterNames(env, 'OTEL_TRACES_EXPORTER', endpoint ? ['otlp'] : [], ['otlp', 'console']);
  return names.map((name) => {
    if (name === 'console') return new ConsoleSpanExporter();
    const byProtocol = { grpc: GrpcTraces, 'http/json': JsonTraces, 'http/protobuf': ProtobufTraces };
    return new byProtocol[protocol(env, 'TRACES')]();
  });
}

/** Metrics are always served on the admin port; they are pushed only when OTEL_METRICS_EXPORTER says otlp. */
export function metricExporters(env: NodeJS.ProcessEnv): PushMetricExporter[] {
  if (isDisabled(env)) return [];
  const names = exporterNames(env, 'OTEL_METRICS_EXPORTER', [], ['otlp', 'prometheus']);
  if (!names.includes('otlp')) return [];
  const byProtocol = { grpc: GrpcMetrics, 'http/json': JsonMetrics, 'http/protobuf': ProtobufMetrics };
  return [new byProtocol[protocol(env, 'METRICS')]()];
}

/** Lines are always on standard output; they leave as OTLP too where traces do, unless OTEL_LOGS_EXPORTER says none. */
export function logExporters(env: NodeJS.ProcessEnv): LogRecordExporter[] {
  if (isDisabled(env)) return [];
  const endpoint = env['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const names = exporterNames(env, 'OTEL_LOGS_EXPORTER', endpoint ? ['otlp'] : [], ['otlp']);
  if (!names.includes('otlp')) return [];
  const byProtocol = { grpc: GrpcLogs, 'http/json': JsonLogs, 'http/protobuf': ProtobufLogs };
  return [new byProtocol[protocol(env, 'LOGS')]()];
}

export function isDisabled(env: NodeJS.ProcessEnv): boolean {
  return env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true';
}

function exporterNames(
  env: NodeJS.ProcessEnv,
  variable: string,
  unset: readonly string[],
  known: readonly string[],
): string[] {
  const given = (env[variable] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (given.includes('none')) return [];
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Error(`${variable}: "${unknown}" is not known here; use ${known.join(', ')} or none`);
  return given.length > 0 ? [...new Set(given)] : [...unset];
}

const PROTOCOLS = ['grpc', 'http/json', 'http/protobuf'] as const;

function protocol(env: NodeJS.ProcessEnv, signal: 'TRACES' | 'METRICS' | 'LOGS'): (typeof PROTOCOLS)[number] {
  const own = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`;
  const variable = env[own] ? own : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const given = env[variable]?.trim() || 'http/protobuf';
  const found = PROTOCOLS.find((one) => one === given);
  if (!found) throw new Error(`${variable}: "${given}" is not known; use ${PROTOCOLS.join(', ')}`);
  return found;
}
