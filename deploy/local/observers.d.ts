/** Jaeger, Prometheus and Alertmanager, for tests that are written in TypeScript; observers.js says what each part does. */
export interface Observed {
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: string; TRACE_RATIO: string };
  urls: { jaeger: string; prometheus: string; alertmanager: string };
  /** Ends those that did not run before. */
  down(): Promise<void>;
}

interface Progress {
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export function observersUp(progress: Progress, options?: { isHurried?: boolean }): Promise<Observed>;
/** Returns how to end it. */
export function watch(fleet: {
  namespace: string;
  ports: Record<string, { http: number; management: number }>;
}): () => void;
