import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  type Resource,
} from '@opentelemetry/resources';
import { PeriodicExportingMetricReader, type MeterProvider } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { systemClock, within, expired, type Clock } from '../lifecycle/clock.ts';
import { logExporters, metricExporters, spanExporters } from './exporters.ts';
import { linesOf } from './lines.ts';
import { startLogExport, stopLogExport } from './log-export.ts';
import type { Logger } from './log.ts';
import { meter, startMetrics, stopMetrics } from './metrics.ts';
import { observeProcess } from './process-metrics.ts';
import { safeMessage } from './safe-error.ts';
import { createUnrecordedTracerProvider } from './unrecorded.ts';

export interface TelemetryOptions {
  service: string;
  version: string;
  /** Decides what is exported; the SDK itself reads sampler, limits and endpoints from the process' own. */
  env: NodeJS.ProcessEnv;
  /** Where the SDK's own complaints go, at most one in 30 s. */
  log?: Logger;
  clock?: Clock;
}

export interface Telemetry {
  /** Sends what is buffered; takes at most 2 s and never fails, also when the collector is away. */
  shutdown(): Promise<void>;
}

const SHUTDOWN_LIMIT_MS = 2_000;

/** The standard's default of 2,048 drops spans in silence at a few hundred calls a second. */
const DEFAULT_QUEUE = 16_384;
const DEFAULT_BATCH = 2_048;
const DEFAULT_DELAY_MS = 1_000;

/** Once a process, before anything that traces or counts. */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const { env, log, clock = systemClock } = options;
  if (log) complainTo(log, clock);
  // Everything that can be refused comes before anything is registered.
  const settings = readSettings(env);
  const exporters = spanExporters(env);
  const readers = metricExporters(env).map(
    (exporter) => new PeriodicExportingMetricReader({ exporter, ...settings.metrics }),
  );
  const records = logExporters(env);
  const resource = createResource(options);
  const meterProvider = startMetrics(resource, readers);
  const stopObserving = observeProcess(meter());
  if (log) countDropped(log);
  const sdk = exporters.length > 0 ? startRecording(exporters, resource, meterProvider, settings) : undefined;
  if (!sdk) registerUnrecorded();
  const lines =
    records.length > 0 ? startLogExport(records, resource, meterProvider, settings.lines) : undefined;

  async function shutdown(): Promise<void> {
    const work = Promise.allSettled([sdk?.shutdown(), lines?.shutdown(), meterProvider.shutdown()]);
    const outcome = await within(clock, SHUTDOWN_LIMIT_MS, work);
    const failed = outcome === expired ? undefined : outcome.find((one) => one.status === 'rejected');
    if (outcome === expired || failed)
      log?.warn(
        { event: 'telemetry_incomplete', problem: failed ? safeMessage(failed.reason) : 'it did not answer' },
        'the collector did not take the last spans or lines',
      );
    stopLogExport();
    stopObserving();
    stopMetrics();
    trace.disable();
    context.disable();
    propagation.disable();
    diag.disable();
  }

  let stopped: Promise<void> | undefined;
  return { shutdown: () => (stopped ??= shutdown()) };
}

function countDropped(log: Logger): void {
  const lines = linesOf(log);
  meter()
    .createObservableCounter('telegate.log.dropped', {
      unit: '{line}',
      description: 'Lines that standard output did not take: whoever reads it stopped.',
    })
    .addCallback((result) => result.observe(lines.dropped));
}

function startRecording(
  exporters: ReturnType<typeof spanExporters>,
  resource: Resource,
  meterProvider: MeterProvider,
  { batches, ownPropagators }: Settings,
): NodeSDK {
  const sdk = new NodeSDK({
    resource,
    autoDetectResources: false,
    // Given the meter provider, the queue meters its length and what it drops (error.type="queue_full").
    spanProcessors: exporters.map((exporter) =>
      exporter instanceof ConsoleSpanExporter
        ? new SimpleSpanProcessor({ exporter })
        : new BatchSpanProcessor({ exporter, selfObsMeterProvider: meterProvider, ...batches }),
    ),
    // Left out, these two would be exported over OTLP unasked.
    metricReaders: [],
    logRecordProcessors: [],
    ...(ownPropagators ? {} : { textMapPropagator: new W3CTraceContextPropagator() }),
  });
  sdk.start();
  return sdk;
}

function registerUnrecorded(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(createUnrecordedTracerProvider());
}

/** The operator's OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win over what the code says. */
function createResource({ service, version }: TelemetryOptions): Resource {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.namespace': 'telegate',
        'service.name': service,
        'service.version': version,
        'service.instance.id': randomUUID(),
        'host.name': hostname(),
        'process.pid': process.pid,
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
}

type Settings = ReturnType<typeof readSettings>;

function readSettings(env: NodeJS.ProcessEnv) {
  return {
    batches: {
      maxQueueSize: positive(env, 'OTEL_BSP_MAX_QUEUE_SIZE', DEFAULT_QUEUE),
      maxExportBatchSize: positive(env, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', DEFAULT_BATCH),
      scheduledDelayMillis: positive(env, 'OTEL_BSP_SCHEDULE_DELAY', DEFAULT_DELAY_MS),
      exportTimeoutMillis: positive(env, 'OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
    lines: {
      maxQueueSize: positive(env, 'OTEL_BLRP_MAX_QUEUE_SIZE', DEFAULT_QUEUE),
      maxExportBatchSize: positive(env, 'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', DEFAULT_BATCH),
      scheduledDelayMillis: positive(env, 'OTEL_BLRP_SCHEDULE_DELAY', DEFAULT_DELAY_MS),
      exportTimeoutMillis: positive(env, 'OTEL_BLRP_EXPORT_TIMEOUT', 30_000),
    },
    metrics: {
      exportIntervalMillis: positive(env, 'OTEL_METRIC_EXPORT_INTERVAL', 60_000),
      exportTimeoutMillis: positive(env, 'OTEL_METRIC_EXPORT_TIMEOUT', 30_000),
    },
    ownPropagators: Boolean(env['OTEL_PROPAGATORS']),
  };
}

function positive(env: NodeJS.ProcessEnv, variable: string, unset: number): number {
  const raw = env[variable]?.trim();
  if (!raw) return unset;
  const value = Number(raw);
  if (!Number.isInteger(value) || value <= 0)
    throw new Error(`${variable}: "${raw.slice(0, 40)}" is not a whole number above 0`);
  return value;
}

const COMPLAINT_INTERVAL_MS = 30_000;

const quiet = (): void => undefined;

/** A collector that is away makes the SDK complain at every batch. */
function complainTo(log: Logger, clock: Clock): void {
  let lastAt = -Infinity;
  let suppressed = 0;
  const complain = (message: string): void => {
    if (clock.monotonic() - lastAt < COMPLAINT_INTERVAL_MS) {
      suppressed += 1;
      return;
    }
    log.warn(
      { event: 'telemetry_problem', problem: message.slice(0, 300), suppressed },
      'telemetry has a problem; the service itself is not affected',
    );
    lastAt = clock.monotonic();
    suppressed = 0;
  };
  diag.setLogger(
    { error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
