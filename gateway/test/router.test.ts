import { createRouter } from '../src/router';
import { routes, type GatewayRoute } from '../src/routes';

const [sample] = routes;
const route = (at: string): GatewayRoute => {
  const [methods = '', path = ''] = at.split(' ');
  return { ...(sample as GatewayRoute), methods: methods.split(',') as GatewayRoute['methods'], path };
};
const router = createRouter(
  [
    'GET,POST /a',
    'GET /a/:id',
    'PUT /a/:id',
    'GET /a/special',
    'GET /a/:id/b',
    'DELETE /a/special/:name/c',
  ].map(route),
);

test.each([
  ['GET', '/a', '/a', undefined],
  ['POST', '/a', '/a', undefined],
  ['GET', '/a/7', '/a/:id', '7'],
  ['HEAD', '/a/7', '/a/:id', '7'],
  ['GET', '/a/special', '/a/special', undefined],
  ['GET', '/a/special/b', '/a/:id/b', 'special'],
  ['DELETE', '/a/special/x/c', '/a/special/:name/c', 'x'],
])('%s %s is served by %s', (method, path, expected, id) => {
  const found = router.match(method, path);

  expect(found).toMatchObject({ route: { path: expected } });
  expect(found && 'id' in found ? found.id : undefined).toBe(id);
});

test.each(['/', '/a/', '/a//b', '/b', '/a/7/c', '/a/special/x', '/A', ''])('%s is no route', (path) => {
  expect(router.match('GET', path)).toBeUndefined();
});

test('another method is told which ones there are', () => {
  expect(router.match('DELETE', '/a')).toEqual({ allowed: 'GET, HEAD, POST' });
  expect(router.match('PUT', '/a/special')).toEqual({ allowed: 'GET, HEAD' });
  expect(router.match('get', '/a')).toEqual({ allowed: 'GET, HEAD, POST' });
});

test('every line of the table is found by its own path', () => {
  const whole = createRouter(routes);

  for (const { path, methods } of routes)
    for (const method of methods)
      expect(whole.match(method, path.replace(/:\w+/g, '1'))).toMatchObject({ route: { path } });
});
