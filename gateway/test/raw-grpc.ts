import http2 from 'node:http2';

export interface GrpcAnswer {
  code: number;
  message: string;
}

/** One call over a connection of its own, with the bytes and headers a test wants. */
export function callGrpc(
  port: number,
  path: string,
  headers: http2.OutgoingHttpHeaders,
  message = frame(Buffer.alloc(0)),
): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const request = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let answer: GrpcAnswer = { code: -1, message: 'no status' };
    const take = (trailers: http2.IncomingHttpHeaders) => {
      if (trailers['grpc-status'] !== undefined)
        answer = { code: Number(trailers['grpc-status']), message: String(trailers['grpc-message'] ?? '') };
    };
    request
      .on('response', take)
      .on('trailers', take)
      .on('data', () => undefined);
    request.on('error', (error) => (answer = { code: -1, message: error.message }));
    session.on('error', (error) => (answer = { code: -1, message: error.message }));
    request.on('close', () => {
      session.destroy();
      resolve(answer);
    });
    request.end(message);
  });
}

export function frame(bytes: Buffer, compressed = 0): Buffer {
  const start = Buffer.alloc(5);
  start.writeUInt8(compressed, 0);
  start.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([start, bytes]);
}
