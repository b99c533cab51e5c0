import type { GatewayRoute, Method } from './routes';

/** A route, found; `id` is the last segment that a colon stood for. */
export interface Found {
  route: GatewayRoute;
  id: string | undefined;
}

export interface Router {
  /** The route of a normalised path; the methods that are served there, where this one is not; undefined where nothing is. */
  match(method: string, path: string): Found | { allowed: string } | undefined;
}

interface Node {
  fixed: Map<string, Node>;
  any: Node | undefined;
  routes: Map<string, GatewayRoute> | undefined;
}

/** A tree of segments. A fixed segment goes before one that stands for anything; HEAD is served where GET is. */
export function createRouter(routes: GatewayRoute[]): Router {
  const root = newNode();
  for (const route of routes) add(root, route);

  function search(method: string, path: string): ReturnType<Router['match']> {
    const walk: Walk = { path, id: undefined };
    const node = find(root, walk, 1);
    if (!node?.routes) return undefined;
    const route = node.routes.get(method === 'HEAD' ? 'GET' : method);
    return route ? { route, id: walk.id } : { allowed: allowedOf(node.routes) };
  }

  // In a sale, the next one asks for the same as the last.
  let last: { method: string; path: string; found: ReturnType<Router['match']> } | undefined;
  return {
    match(method, path) {
      if (last?.path !== path || last.method !== method) last = { method, path, found: search(method, path) };
      return last.found;
    },
  };
}

interface Walk {
  path: string;
  id: string | undefined;
}

/** Looks at the segment that begins at `from`; goes back to the open branch where the fixed one leads nowhere. */
function find(node: Node, walk: Walk, from: number): Node | undefined {
  const { path } = walk;
  if (from > path.length) return node.routes && node;
  const slash = path.indexOf('/', from);
  const end = slash === -1 ? path.length : slash;
  const segment = path.slice(from, end);
  const fixed = node.fixed.get(segment);
  const found = fixed && find(fixed, walk, end + 1);
  if (found || !node.any || segment === '') return found;
  const open = find(node.any, walk, end + 1);
  if (open) walk.id ??= segment;
  return open;
}

function add(root: Node, route: GatewayRoute): void {
  let node = root;
  for (const segment of route.path.split('/').slice(1)) node = childOf(node, segment);
  node.routes ??= new Map();
  for (const method of route.methods) node.routes.set(method, route);
}

function childOf(node: Node, segment: string): Node {
  if (segment.startsWith(':')) return (node.any ??= newNode());
  const known = node.fixed.get(segment);
  if (known) return known;
  const fresh = newNode();
  node.fixed.set(segment, fresh);
  return fresh;
}

const newNode = (): Node => ({ fixed: new Map(), any: undefined, routes: undefined });

function allowedOf(routes: Map<string, GatewayRoute>): string {
  const methods = [...routes.keys()] as (Method | 'HEAD')[];
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}
