import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

/** A finer resolution wakes an idle process more often; lags that matter are longer than this. */
const LAG_RESOLUTION_MS = 20;
const NANOSECONDS = 1e9;

/** Event-loop lag and use since the last reading, memory, CPU and uptime. Returns a function that stops measuring. */
export function observeProcess(meter: Meter): () => void {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  lag.enable();
  let lastUtilization: EventLoopUtilization = performance.eventLoopUtilization();

  const seconds = { unit: 's' };
  const lagP50 = meter.createObservableGauge('nodejs.eventloop.delay.p50', seconds);
  const lagP99 = meter.createObservableGauge('nodejs.eventloop.delay.p99', seconds);
  const lagMax = meter.createObservableGauge('nodejs.eventloop.delay.max', seconds);
  const utilization = meter.createObservableGauge('nodejs.eventloop.utilization', { unit: '1' });
  const memory = meter.createObservableGauge('process.memory.usage', { unit: 'By' });
  const heapUsed = meter.createObservableGauge('v8js.memory.heap.used', { unit: 'By' });
  const cpu = meter.createObservableCounter('process.cpu.time', seconds);
  const uptime = meter.createObservableGauge('process.uptime', seconds);
  const all = [lagP50, lagP99, lagMax, utilization, memory, heapUsed, cpu, uptime];

  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    if (lag.count > 0) {
      result.observe(lagP50, lagSeconds(lag.percentile(50)));
      result.observe(lagP99, lagSeconds(lag.percentile(99)));
      result.observe(lagMax, lagSeconds(lag.max));
      lag.reset();
    }
    const now = performance.eventLoopUtilization();
    result.observe(utilization, performance.eventLoopUtilization(now, lastUtilization).utilization);
    lastUtilization = now;
    const { rss, heapUsed: heap } = process.memoryUsage();
    result.observe(memory, rss);
    result.observe(heapUsed, heap);
    const { user, system } = process.cpuUsage();
    result.observe(cpu, user / 1e6, { 'cpu.mode': 'user' });
    result.observe(cpu, system / 1e6, { 'cpu.mode': 'system' });
    result.observe(uptime, process.uptime());
  };
  meter.addBatchObservableCallback(observe, all);
  return () => {
    meter.removeBatchObservableCallback(observe, all);
    lag.disable();
  };
}

/** The histogram measures the time between its own wake-ups, so an idle loop shows the resolution itself. */
function lagSeconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / NANOSECONDS - LAG_RESOLUTION_MS / 1000) : 0;
}
