import type * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import path from 'node:path';

const root = path.resolve(__dirname, '..');

/** The runtime definition of one service. The options are those that the types in gen/ were generated with. */
export function loadService<Definition extends grpc.ServiceDefinition>(name: string): Definition {
  const [company = '', area = '', version = '', service = ''] = name.split('.');
  const definition = loadSync(path.join(company, area, version, `${area}.proto`), {
    includeDirs: [root],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const loaded = definition[[company, area, version, service].join('.')];
  if (!loaded) throw new Error(`no service ${name} in its .proto file`);
  return loaded as unknown as Definition;
}
