import { startTracing } from '@onrush/chassis/tracing-lifecycle';

// A span of the library for each request would halve what the gateway serves.
startTracing({ servesHttpItself: true });
