import { rememberByName } from './header-names';

/** A request in the form that there is one reading of, whoever reads it. */
export interface PlainRequest {
  method: string;
  /** As it was sent. */
  url: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Names and values in turn, as they were sent. */
  rawHeaders: string[];
  /** Empty where there is none. */
  body: Buffer;
}

const longestBytes = 8_192;
const endOfHead = Buffer.from('\r\n\r\n');

/**
 * Visible characters and single spaces where they belong, lines that end in CRLF, no value that is empty or has spaces around it. Every line of it
 * is followed by a character that it cannot take, so that nothing in it can backtrack far.
 */
const plainHead =
  /^(GET|POST|PUT|DELETE) (\/[!-~]*) HTTP\/1\.1\r\n((?:[A-Za-z][A-Za-z\d-]*: [!-~](?:[ -~]*[!-~])?\r\n)+)$/;
const lengthForm = /^[1-9]\d{0,3}$/;

/** They change what the message is, where it ends, or what becomes of its connection: Node's part. */
const notPlain = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Reads bytes that are exactly one whole request, in the form that nearly all clients send; undefined for any other, which is for Node's parser to
 * judge. It takes less than RFC 9112 allows, and nothing that it takes does Node's parser read otherwise.
 */
export function readPlainRequest(bytes: Buffer): PlainRequest | undefined {
  if (bytes.length > longestBytes) return undefined;
  const headLength = bytes.indexOf(endOfHead) + 2;
  const [, method, url, lines] = plainHead.exec(bytes.toString('latin1', 0, headLength)) ?? [];
  if (method === undefined || url === undefined || lines === undefined) return undefined;
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = {};
  for (let from = 0; from < lines.length;) {
    const colon = lines.indexOf(':', from);
    const end = lines.indexOf('\r', colon);
    const sent = lines.slice(from, colon);
    const name = plainNameOf(sent);
    // Nobody's header is twice there; and `constructor` is there without having been sent.
    if (name === '' || name in headers) return undefined;
    const value = lines.slice(colon + 2, end);
    headers[name] = value;
    rawHeaders.push(sent, value);
    from = end + 2;
  }
  const body = bytes.subarray(headLength + 2);
  return body.length === bodyLengthOf(method, headers)
    ? { method, url, headers, rawHeaders, body }
    : undefined;
}

/** NaN where that is not for us to say. */
function bodyLengthOf(method: string, { 'content-length': length }: Record<string, string>): number {
  if (length === undefined) return 0;
  const mayHaveBody = method === 'POST' || method === 'PUT';
  return mayHaveBody && lengthForm.test(length) ? Number(length) : Number.NaN;
}

/** In lower case; empty where the header is Node's part. */
const plainNameOf = rememberByName((sent) => {
  const name = sent.toLowerCase();
  return notPlain.has(name) ? '' : name;
});
