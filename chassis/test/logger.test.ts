import { runInContext } from '../src/request-context';
import { recordingLogger } from '../src/testing/logger';

describe('logger', () => {
  test('secrets are masked at the top level and one level down, and the caller’s object stays as it is', () => {
    const { logger, lines } = recordingLogger();
    const fields = { password: 'p', user: { email: 'e', id: '1' }, id: '2' };

    logger.child({ token: 't' }).info('hello', fields);

    expect(lines[0]).toMatchObject({
      msg: 'hello',
      level: 'info',
      service: 'test',
      password: '[masked]',
      token: '[masked]',
      user: { email: '[masked]', id: '1' },
      id: '2',
    });
    expect(fields.password).toBe('p');
  });

  test('what drivers hang on their errors stays out of the log', () => {
    const { logger, lines } = recordingLogger();
    const driverError = Object.assign(new Error('too long'), { sql: 'INSERT s3cret' });
    const failed = Object.assign(new Error('too long'), {
      code: 'ER_DATA_TOO_LONG',
      sql: 'INSERT s3cret',
      query: 'INSERT s3cret',
      parameters: ['s3cret'],
      driverError,
      command: { name: 'set', args: ['s3cret'] },
    });

    logger.error('failed', { error: failed });

    expect(lines[0]).toMatchObject({ error: { message: 'too long', code: 'ER_DATA_TOO_LONG' } });
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });

  test.each([
    ["Duplicate entry '139' for key 'uq_users_name'", "Duplicate entry '[masked]' for key 'uq_users_name'"],
    ["Duplicate entry 'it's 139' for key 'a'", "Duplicate entry '[masked]' for key 'a'"],
    [
      "Incorrect integer value: '139' for column 'id' at row 1",
      "Incorrect integer value: '[masked]' for column 'id' at row 1",
    ],
    ["Unknown column 'id' in 'SELECT'", "Unknown column 'id' in 'SELECT'"],
  ])('MySQL names a value, the log does not: %s', (message, logged) => {
    const { logger, lines } = recordingLogger();

    logger.error('failed', { error: Object.assign(new Error(message), { sqlMessage: message }) });

    expect(lines[0]).toMatchObject({ error: { message: logged, sqlMessage: logged } });
    expect(JSON.stringify(lines).includes('139')).toBe(false);
  });

  test('lines of a request carry its ids, and errors their stack', () => {
    const { logger, lines } = recordingLogger();

    runInContext({ requestId: 'r1', traceId: 't1' }, () =>
      logger.error('failed', { error: new Error('boom') }),
    );

    expect(lines[0]).toMatchObject({ request_id: 'r1', trace_id: 't1', error: { message: 'boom' } });
  });
});
