import { metrics, type Meter, type MeterProvider as ApiMeterProvider } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  MeterProvider,
  MetricReader,
  type IMetricReader,
} from '@opentelemetry/sdk-metrics';

/**
 * Ask for it when it is needed, not while a module loads: before telemetry has started the API hands out
 * a dead one for good.
 */
export function meter(): Meter {
  return metrics.getMeter('telegate');
}

/** Instruments of a module, made at first use and again if telemetry is started anew. */
export function instruments<T>(create: (meter: Meter) => T): () => T {
  let madeBy: ApiMeterProvider | undefined;
  let made: T;
  return () => {
    const provider = metrics.getMeterProvider();
    if (provider !== madeBy) {
      made = create(provider.getMeter('telegate'));
      madeBy = provider;
    }
    return made;
  };
}

/** A measure that asks a database which is away is left out: the others are wanted most just then. */
const MEASURE_LIMIT_MS = 2_000;

/** Collects on demand: the admin server asks when it is scraped. */
class ScrapeReader extends MetricReader {
  readonly #serializer = new PrometheusSerializer('', false, undefined, false, true);

  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }

  async text(): Promise<string> {
    const { resourceMetrics } = await this.collect({ timeoutMillis: MEASURE_LIMIT_MS });
    return this.#serializer.serialize(resourceMetrics);
  }

  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

let current: ScrapeReader | undefined;

export function startMetrics(resource: Resource, alsoTo: IMetricReader[]): MeterProvider {
  const reader = new ScrapeReader();
  const provider = new MeterProvider({ resource, readers: [reader, ...alsoTo] });
  metrics.setGlobalMeterProvider(provider);
  current = reader;
  return provider;
}

export function stopMetrics(): void {
  current = undefined;
  metrics.disable();
}

/** In Prometheus' text format; none before telemetry has started. */
export async function metricsText(): Promise<string | undefined> {
  return current?.text();
}
