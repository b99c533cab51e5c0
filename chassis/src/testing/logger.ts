import { Writable } from 'node:stream';
import { createLogger, type Logger, type RootLogger } from '../logger';

export const silentLogger: Logger = createLogger({ service: 'test', level: 'silent' });

export interface RecordingLogger {
  logger: RootLogger;
  /** The JSON lines so far. */
  lines: Record<string, unknown>[];
}

export function recordingLogger(service = 'test'): RecordingLogger {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // Lines of the access log that belong to one turn of the loop come as one piece.
      for (const line of chunk.toString().trimEnd().split('\n'))
        lines.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
  return { logger: createLogger({ service, level: 'debug', destination }), lines };
}
