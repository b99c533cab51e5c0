import { status, type ServiceError } from '@grpc/grpc-js';
import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { ConfigError, integer, loadConfig, processConfig, text } from '../src/config';
import { defineErrors } from '../src/errors';
import { fromGrpcError, toGrpcError } from '../src/grpc-errors';
import { grpcStatusOf, httpStatusOf } from '../src/grpc-status';
import { createLifecycle, type Component } from '../src/lifecycle';
import { runInContext, traceIdOf, remainingMs } from '../src/request-context';
import { silentLogger } from '../src/testing/logger';
import { asAppError, isTransient } from '../src/transient';

const errors = defineErrors('seckill-service', { soldOut: { http: 409, number: 4, message: 'sold out' } });

describe('errors', () => {
  test('a code tells status, service and number; the reason follows the name', () => {
    expect(errors.soldOut.definition).toEqual({
      code: 409404,
      reason: 'SOLD_OUT',
      message: 'sold out',
      status: 'FAILED_PRECONDITION',
    });
    expect(errors.internal().httpStatus).toBe(500);
  });

  test('an error survives the way over gRPC, with its facts', () => {
    const sent = errors.soldOut({
      meta: { activityId: '1' },
      fields: [{ field: 'é', message: '错' }],
      retryAfterSeconds: 2,
    });

    const received = fromGrpcError(toGrpcError(sent) as ServiceError, errors);

    expect(received).toMatchObject({
      code: 409404,
      reason: 'SOLD_OUT',
      status: 'FAILED_PRECONDITION',
      meta: { activityId: '1' },
      fields: [{ field: 'é', message: '错' }],
      retryAfterSeconds: 2,
    });
  });

  test.each([
    [status.UNAVAILABLE, 503],
    [status.CANCELLED, 503],
    [status.DEADLINE_EXCEEDED, 504],
    [status.INTERNAL, 500],
    [status.UNKNOWN, 500],
  ])('a bare gRPC status %s becomes %s', (code, http) => {
    expect(fromGrpcError({ code, details: 'x' } as ServiceError, errors).httpStatus).toBe(http);
  });

  test('every HTTP status of ours has a gRPC code and back', () => {
    for (const http of [400, 401, 403, 404, 409, 429, 500, 503, 504])
      expect(httpStatusOf(grpcStatusOf(http))).toBe(http);
    expect(grpcStatusOf(418)).toBe('INTERNAL');
  });

  test('what nobody expected becomes the internal error, with its cause', () => {
    const cause = new Error('boom');

    expect(asAppError(cause, errors)).toMatchObject({ code: 500400, message: 'internal error', cause });
  });
});

test('transient errors are told from faults of the message', () => {
  const withCode = (code: string) => Object.assign(new Error('x'), { code });

  expect(
    [
      withCode('ECONNREFUSED'),
      withCode('ER_LOCK_DEADLOCK'),
      errors.unavailable(),
      new Error('x', { cause: withCode('EPIPE') }),
      new Error("READONLY You can't write against a read only replica."),
      new Error("OOM command not allowed when used memory > 'maxmemory'."),
      new Error("Can't add new command when connection is in closed state"),
    ].map(isTransient),
  ).not.toContain(false);
  expect(asAppError(withCode('ECONNREFUSED'), errors)).toMatchObject({
    code: 503400,
    retryAfterSeconds: 1,
  });
  expect(
    [withCode('ER_BAD_FIELD_ERROR'), errors.soldOut(), new TypeError('x'), 'text'].map(isTransient),
  ).toEqual([false, false, false, false]);
});

describe('config', () => {
  const schema = z.object({ ...processConfig, bcryptCost: integer(10, 16).default(12), secret: text });
  const keys = { INTERNAL_JWKS: 'a', INTERNAL_PRIVATE_KEY: 'b' };
  const directory = mkdtempSync(path.join(os.tmpdir(), 'onrush-config-'));
  const load = (environment: NodeJS.ProcessEnv) =>
    loadConfig({ service: 'x', schema, environment, directory });

  test('defaults give way to the file, and the file to the environment', () => {
    writeFileSync(path.join(directory, 'x.yaml'), 'bcrypt_cost: 13\nsecret: from-file\n');

    expect(load(keys)).toMatchObject({ bcryptCost: 13, secret: 'from-file', host: '127.0.0.1' });
    expect(load({ ...keys, SECRET: 'from-environment', BCRYPT_COST: '14' })).toMatchObject({
      bcryptCost: 14,
      secret: 'from-environment',
    });
  });

  test('every problem is named at once, of the file and of the values', () => {
    writeFileSync(path.join(directory, 'x.yaml'), 'secrte: typo\n');

    const problems = () => load({ BCRYPT_COST: '3', DISCOVERY: 'zookeeper', STATIC_SERVICES: '{' });

    expect(problems).toThrow(ConfigError);
    for (const name of ['secrte', 'BCRYPT_COST', 'DISCOVERY', 'STATIC_SERVICES', 'INTERNAL_JWKS', 'SECRET'])
      expect(problems).toThrow(name);
  });

  test('a file that is no YAML, or no mapping, is a problem', () => {
    writeFileSync(path.join(directory, 'x.yaml'), '- a\n- b\n');
    expect(() => load({ ...keys, SECRET: 'x' })).toThrow('mapping');
    writeFileSync(path.join(directory, 'x.yaml'), 'a: [');
    expect(() => load({ ...keys, SECRET: 'x' })).toThrow(ConfigError);
  });
});

describe('lifecycle', () => {
  const component = (name: string, log: string[], changes: Partial<Component> = {}): Component => ({
    name,
    start: () => Promise.resolve(void log.push(`start ${name}`)),
    stop: () => Promise.resolve(void log.push(`stop ${name}`)),
    ...changes,
  });

  test('what announces us stops first, wherever it stands', async () => {
    const log: string[] = [];
    const lifecycle = createLifecycle({
      logger: silentLogger,
      components: [component('a', log), component('b', log, { announces: true }), component('c', log)],
      drainDelayMs: 1,
    });
    await lifecycle.start();

    await lifecycle.stop();

    expect(log.slice(3)).toEqual(['stop b', 'stop c', 'stop a']);
  });

  test('a registry that hangs and a long delay leave time for the rest, all within the limit', async () => {
    jest.useFakeTimers();
    const log: string[] = [];
    const hangs = component('hangs', log, { announces: true, stop: () => new Promise(() => undefined) });
    const lifecycle = createLifecycle({
      logger: silentLogger,
      components: [component('a', log), hangs],
      drainDelayMs: 60_000,
      drainLimitMs: 10_000,
    });
    await lifecycle.start();

    const stopped = lifecycle.stop().then(() => log.push('stopped'));
    await jest.advanceTimersByTimeAsync(10_000);

    expect(log.slice(2)).toEqual(['stop a', 'stopped']);
    await stopped;
    jest.useRealTimers();
  });

  test('components start in order and stop in reverse; ready lies between', async () => {
    const log: string[] = [];
    const lifecycle = createLifecycle({
      logger: silentLogger,
      components: [component('a', log), component('b', log)],
    });

    expect(lifecycle.isReady()).toBe(false);
    await lifecycle.start();
    expect(lifecycle.isReady()).toBe(true);
    await lifecycle.stop();

    expect(lifecycle.isReady()).toBe(false);
    expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('a failed start stops what had started, and says why', async () => {
    const log: string[] = [];
    const broken = component('b', log, { start: () => Promise.reject(new Error('no port')) });
    const lifecycle = createLifecycle({
      logger: silentLogger,
      components: [component('a', log), broken, component('c', log)],
    });

    await expect(lifecycle.start()).rejects.toThrow('no port');

    expect(log).toEqual(['start a', 'stop b', 'stop a']);
  });

  test('a component that hangs does not hold up the others', async () => {
    const log: string[] = [];
    const hanging = component('b', log, { stop: () => new Promise(() => undefined) });
    const lifecycle = createLifecycle({
      logger: silentLogger,
      components: [component('a', log), hanging],
      drainLimitMs: 100,
    });
    await lifecycle.start();

    await lifecycle.stop();

    expect(log).toEqual(['start a', 'start b', 'stop a']);
  });
});

describe('request context', () => {
  test('a valid traceparent is continued, any other starts a new trace', () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736';

    expect(traceIdOf(`00-${id}-00f067aa0ba902b7-01`)).toBe(id);
    for (const bad of [
      undefined,
      '',
      `ff-${id}-00f067aa0ba902b7-01`,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    ]) {
      expect(traceIdOf(bad)).toMatch(/^[0-9a-f]{32}$/);
      expect(traceIdOf(bad)).not.toBe(id);
    }
  });

  test('a call may take what is left of its request, less the way back', () => {
    expect(remainingMs(500)).toBe(500);
    runInContext({ requestId: 'r', traceId: 't', deadline: Date.now() + 100 }, () => {
      expect(remainingMs(500)).toBeLessThanOrEqual(80);
      expect(remainingMs(10)).toBe(10);
    });
  });
});
