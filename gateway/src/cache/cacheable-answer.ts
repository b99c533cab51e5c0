import { headerOf } from '../upstream/answer-headers';

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
export function isForEverybody({ headers }: CacheableAnswer): boolean {
  const control = headerOf(headers, 'cache-control');
  const vary = headerOf(headers, 'vary');
  return (
    headerOf(headers, 'set-cookie') === undefined &&
    !(control !== undefined && /\b(?:no-store|no-cache|private)\b/i.test(control)) &&
    (vary === undefined || /^accept-encoding$/i.test(vary.trim()))
  );
}

/** A small buffer may be a piece of a large one, which lives as long as any of its pieces. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
