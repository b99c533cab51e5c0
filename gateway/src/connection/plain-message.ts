import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { PlainRequest } from './plain-request';

/** A request of which all is here. */
export class PlainMessage extends IncomingMessage {
  readonly body: Buffer;

  constructor(socket: Socket, { method, url, headers, rawHeaders, body }: PlainRequest) {
    super(socket);
    this.httpVersion = '1.1';
    this.httpVersionMajor = 1;
    this.httpVersionMinor = 1;
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.body = body;
    this.complete = true;
  }

  /** For whoever reads it as a stream. */
  override _read(): void {
    if (this.body.length > 0) this.push(this.body);
    this.push(null);
  }
}
