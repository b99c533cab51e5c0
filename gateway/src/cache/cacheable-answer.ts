export interface CacheableAnswer {
  status: number;
  /** Names and values in turn; only those that may go to anybody, since they do. */
  headers: string[];
  body: Buffer;
  /** What the answer shows: whoever changes that, purges the tag. */
  tags?: string[];
}

/** Of the service, for now: what was there before is as good as it was. */
export const isFailure = ({ status }: CacheableAnswer): boolean =>
  status >= 500 || status === 429 || status === 408;

/** The service may say that an answer is for one client, or for this moment; then nobody else gets it. */
export function isForEverybody(answer: CacheableAnswer): boolean {
  const control = valueOf(answer, 'cache-control');
  const vary = valueOf(answer, 'vary');
  return (
    valueOf(answer, 'set-cookie') === undefined &&
    !(control !== undefined && /\b(?:no-store|no-cache|private)\b/i.test(control)) &&
    (vary === undefined || /^accept-encoding$/i.test(vary.trim()))
  );
}

/** All values of a header; undefined where there is none. The name is in lower case. */
export function valueOf({ headers }: CacheableAnswer, name: string): string | undefined {
  const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name);
  return values.length > 0 ? values.join(', ') : undefined;
}

/** A small buffer may be a piece of a large one, which lives as long as any of its pieces. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
