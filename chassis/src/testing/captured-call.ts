import * as grpc from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { internalTokenHeader } from '../internal-tokens';

/**
 * A gRPC call as somebody sends it who has read one on its way: the same message with the same token, as often as they like. `send` returns the
 * reply, or throws the gRPC error.
 */
export function captureCall<I extends object, O extends object>(call: {
  port: number;
  method: MethodDefinition<I, object, object, O>;
  token: string;
  request: I;
}): { send(): Promise<O>; close(): void } {
  const { port, method, token, request } = call;
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set(internalTokenHeader, token);
  const { path, requestSerialize, responseDeserialize: read } = method;
  return {
    send: () =>
      new Promise((resolve, reject) =>
        client.makeUnaryRequest(path, requestSerialize, read, request, metadata, (error, reply) =>
          reply ? resolve(reply) : reject(error ?? new Error('neither a reply nor an error')),
        ),
      ),
    close: () => client.close(),
  };
}
