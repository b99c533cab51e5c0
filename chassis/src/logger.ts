import pino, { type DestinationStream } from 'pino';
import { currentContext } from './request-context';

export type LogFields = Record<string, unknown>;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** A sentence plus fields. The request and trace ids of the running request are added to every line. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

const secretFields = [
  'password',
  'token',
  'access_token',
  'accessToken',
  'refresh_token',
  'refreshToken',
  'authorization',
  'secret',
  'privateKey',
  'phone',
  'email',
];

/** Secrets and personal data are masked at the top level and one level down, whatever object carries them. */
const redact = { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '[masked]' };

/** One JSON line per call on standard output, or on `destination`. */
export function createLogger(options: {
  service: string;
  level?: LogLevel;
  destination?: DestinationStream;
}): Logger {
  const lines = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact,
      serializers: { error: pino.stdSerializers.err },
      mixin: () => {
        const context = currentContext();
        return context ? { request_id: context.requestId, trace_id: context.traceId } : {};
      },
    },
    options.destination ?? standardOutput(),
  );
  return wrap(lines);
}

/** Lines leave in blocks, at the latest after 200 ms: one write for each would cost more than the request it tells of. */
function standardOutput(): DestinationStream {
  const destination = pino.destination({ sync: false, minLength: 4096, periodicFlush: 200 });
  process.on('exit', () => destination.flushSync());
  return destination;
}

function wrap(lines: pino.Logger): Logger {
  return {
    debug: (message, fields) => lines.debug(fields, message),
    info: (message, fields) => lines.info(fields, message),
    warn: (message, fields) => lines.warn(fields, message),
    error: (message, fields) => lines.error(fields, message),
    fatal: (message, fields) => lines.fatal(fields, message),
    child: (fields) => wrap(lines.child(fields)),
  };
}
