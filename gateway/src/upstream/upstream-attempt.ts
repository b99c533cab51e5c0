import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Pick } from '@onrush/chassis/balancer';
import type { Instance } from '@onrush/chassis/discovery';
import type { AppError } from '@onrush/chassis/errors';
import { endToEndHeaders } from './answer-headers';
import { errors } from '../errors';
import { endWith } from '../exchange';
import { atEndOfTurn } from '../turn';
import type { InstancePool } from './upstream-pools';

/** The answer of an upstream: its head is here, its body is taken by exactly one of the two. */
export interface UpstreamAnswer {
  status: number;
  /** Names (in lower case) and values in turn, without those of one connection only. */
  headers: string[];
  instance: Instance;
  /**
   * Sends status, `headers` and body. A slow client slows the upstream; one that takes nothing for 30 s is cut off, and so is one whose answer
   * breaks off: half an answer must not look whole.
   */
  pipeTo(response: ServerResponse, headers: string[]): void;
  /** The whole body. Throws when it breaks off or is longer than `limitBytes` (`upstreamFailed`, or `deadlineExceeded` where a repetition could do harm), or takes too long (`deadlineExceeded`). */
  collect(limitBytes: number): Promise<Buffer>;
}

/** What an attempt tells the call it belongs to. */
export interface AttemptOwner {
  headArrived(attempt: Attempt): void;
  failedBeforeHead(attempt: Attempt, error: Error): void;
  /** Nothing more comes from the upstream. */
  ended(attempt: Attempt, outcome: 'ok' | 'failed' | 'abandoned'): void;
  /** The error of an answer that will not be whole. */
  brokenOff(cause: Error): AppError;
  /** The client has to take something before more is read from the upstream. */
  clientStalls(): void;
  clientTakes(): void;
  /** It took the last byte, or went away. */
  clientLeft(): void;
}

/** Where the body goes. */
interface Sink {
  data: (chunk: Buffer) => void;
  end: () => void;
  broken: (error: Error) => void;
}

/** Until somebody takes the body, more than this waits in the kernel, not here. */
const maxHeldBytes = 64 * 1024;

/** One request to one instance. A class, since there is one for each request, and a dozen closures would cost more than the forwarding. */
export class Attempt implements Dispatcher.DispatchHandler, UpstreamAnswer {
  status = 0;
  headers: string[] = [];
  /** False: not one byte of the request has left, so it cannot have been carried out. */
  wasSent = false;
  #controller: Dispatcher.DispatchController | undefined;
  #sink: Sink | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #whole = false;
  #failure: Error | undefined;
  /** The client that holds up the rest. */
  #waitsFor: ServerResponse | undefined;
  /** Nothing of the upstream matters any more. */
  #over = false;

  constructor(
    private readonly owner: AttemptOwner,
    readonly pick: Pick,
    readonly connections: InstancePool,
    readonly startedAt: number,
  ) {
    connections.pending += 1;
  }

  get instance(): Instance {
    return this.pick.instance;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // It was given up while it waited for a connection. An abort here would close that connection, too.
    if (this.#over) throw new Error('given up');
    this.#controller = controller;
    this.wasSent = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // 1xx come before the answer.
    if (this.#over || status < 200) return;
    this.status = status;
    this.headers = endToEndHeaders(headers);
    this.owner.headArrived(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    if (this.#sink) return this.#sink.data(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= maxHeldBytes) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#whole = true;
    this.#finish('ok');
    this.#sink?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return;
    if (this.status === 0) {
      this.#over = true;
      this.connections.pending -= 1;
      this.owner.failedBeforeHead(this, error);
    } else this.breakOff(this.owner.brokenOff(error));
  }

  /** Before the head. The owner knows why, and is not told. */
  giveUp(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.connections.pending -= 1;
    this.#controller?.abort(reason);
  }

  /** After the head: what is missing will never come. */
  breakOff(error: Error): void {
    if (this.#over) return;
    this.#failure = error;
    this.#finish('failed');
    this.#controller?.abort(error);
    this.#sink?.broken(error);
  }

  /** The client went away. */
  abandon(): void {
    if (this.#over) return;
    this.#failure = errors.upstreamFailed({ meta: { why: 'the client went away' } });
    this.#finish('abandoned');
    this.#controller?.abort(this.#failure);
    this.#sink?.broken(this.#failure);
  }

  #finish(outcome: 'ok' | 'failed' | 'abandoned'): void {
    this.#over = true;
    this.connections.pending -= 1;
    this.owner.ended(this, outcome);
  }

  pipeTo(response: ServerResponse, headers: string[]): void {
    if (this.#failure || response.destroyed) {
      this.abandon();
      response.destroy();
      return;
    }
    // Most answers are whole by now, and leave in one piece.
    if (this.#whole && this.#held.length <= 1)
      return atEndOfTurn(() => {
        endWith(response, this.status, headers, this.#held[0]);
        this.#watchRest(response);
      });
    response.writeHead(this.status, headers);
    // The head of a stream may be all there is for a long time.
    if (this.#heldBytes === 0) response.flushHeaders();
    response.once('close', () => this.abandon());
    response.on('drain', () => this.#resume());
    this.#pour({
      data: (chunk) => {
        if (!response.write(chunk)) this.#pauseFor(response);
      },
      end: () => {
        response.end();
        this.#watchRest(response);
      },
      broken: () => response.destroy(),
    });
  }

  collect(limitBytes: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const data = (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size <= limitBytes) return;
        const tooLong = this.owner.brokenOff(new Error(`an answer above ${limitBytes} bytes`));
        this.breakOff(tooLong);
        reject(tooLong);
      };
      this.#pour({ data, end: () => resolve(Buffer.concat(chunks, size)), broken: reject });
    });
  }

  /** Its time is up: the upstream's, or that of the client to take something. */
  overdue(): void {
    const client = this.#waitsFor;
    if (!client) return this.breakOff(errors.deadlineExceeded({ meta: { upstream: this.instance.service } }));
    this.abandon();
    client.destroy();
  }

  #pour(sink: Sink): void {
    this.#sink = sink;
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) sink.data(chunk);
    if (this.#failure) sink.broken(this.#failure);
    else if (this.#whole) sink.end();
    else if (!this.#waitsFor) this.#controller?.resume();
  }

  /** Back-pressure: no more is read from the upstream until the client has taken what it has. */
  #pauseFor(client: ServerResponse): void {
    if (this.#over) return;
    this.#controller?.pause();
    if (this.#waitsFor) return;
    this.#waitsFor = client;
    this.owner.clientStalls();
  }

  #resume(): void {
    if (this.#over) return;
    this.#waitsFor = undefined;
    this.owner.clientTakes();
    this.#controller?.resume();
  }

  /** All is written; a client that does not take it would hold it for good. */
  #watchRest(client: ServerResponse): void {
    if (client.writableLength === 0) return;
    this.#waitsFor = client;
    this.owner.clientStalls();
    client.once('close', () => this.owner.clientLeft());
  }
}
