import { bytesOf, headOf, type Draft } from './draft';
import type { Mutation } from './header-mutations';
import type { Random } from '../random';

/** A request inside a request. A gateway that reads the outer one rightly never sees it as one. */
export const smuggled = 'smuggled';
const hidden = `GET /api/v1/products?${smuggled} HTTP/1.1\r\nHost: gateway\r\nX-Fuzz: ${smuggled}\r\n\r\n`;

/** From here on the draft is bytes, and the connection may end with it. */
function become(draft: Draft, bytes: string, meant: Partial<Draft['meant']> = {}): void {
  const body = undefined;
  Object.assign(draft, { bytes, isClean: false, isLast: true, meant: { ...draft.meant, body, ...meant } });
}

/** The head with that framing, in that order; a body that reads as nothing to one and as a request to another. */
function framed(
  draft: Draft,
  headers: [string, string][],
  body: string,
  meant: Partial<Draft['meant']> = {},
): void {
  draft.framing = 'none';
  draft.headers.push(...headers);
  become(draft, headOf(draft) + body, meant);
}

const refused = { mayPass: false };
const nothingThenHidden = `0\r\n\r\n${hidden}`;

const codings = [
  'xchunked',
  'chunked, identity',
  'identity, chunked',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
  'chunked\t',
  '\x0bchunked',
  'chunked\x0b',
  '"chunked"',
  'chunked;q=1',
  'chunked,',
  ',chunked',
  '',
  'cHuNkEd, x',
];
const lengths = [
  '+5',
  '-5',
  '0x5',
  '5, 5',
  '5 5',
  '',
  '5;',
  '1e1',
  '05',
  '99999999999999999999',
  '5\0',
  '５',
];
const chunkSizes = [
  'zz',
  '-2',
  '+2',
  '0x2',
  '2 ',
  ' 2',
  'fffffffffffffffff',
  '2\n',
  '2;\n',
  '2;a=\0',
  '',
  '2\r',
  'g',
];
const dots = [
  '/../',
  '/./',
  '//',
  '/%2e%2e/',
  '/%252e%252e/',
  '/..%2f',
  '/..%5c',
  '\\',
  '/..;/',
  '/%c0%ae/',
  '/%00/',
  '/%zz/',
];
const targets = [
  'http://evil/',
  '*',
  'evil:80',
  '//evil/',
  '/\xff',
  '/a b',
  '',
  '?',
  '/#',
  'ftp://x',
  `/${'a'.repeat(5_000)}`,
];
const methods = [
  'get',
  'TRACE',
  'CONNECT',
  'FOO',
  'PATCH',
  'PROPFIND',
  'QUERY',
  'OPTIONS',
  'DELETE',
  'G\0T',
  '',
  'POST ',
  'M-SEARCH',
];
const versions = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'HTTP/1.2',
  'http/1.1',
  'HTTP/1.1 ',
  'RTSP/1.0',
  '',
  'HTTP/11',
  'HTTP/1.1\0',
];
const hosts = ['', 'a b', 'user@gateway', 'a/b', 'a,b', '[::1', '..', 'a:b', 'a\tb', '\xff'];

export const messageMutations: Record<string, Mutation> = {
  lengthAndChunks(draft, random) {
    const both: [string, string][] = [
      ['Content-Length', random.pick(['0', '5', String(nothingThenHidden.length)])],
      ['Transfer-Encoding', 'chunked'],
    ];
    framed(draft, random.chance(0.5) ? both : both.reverse(), nothingThenHidden, refused);
  },
  coding: (draft, random) =>
    framed(draft, [['Transfer-Encoding', random.pick(codings)]], nothingThenHidden, refused),
  twoCodings: (draft, random) =>
    framed(
      draft,
      [
        ['Transfer-Encoding', random.pick(['chunked', 'identity'])],
        ['Transfer-encoding', random.pick(codings)],
      ],
      nothingThenHidden,
      refused,
    ),
  chunksInOldVersion(draft) {
    draft.version = 'HTTP/1.0';
    framed(draft, [['Transfer-Encoding', 'chunked']], nothingThenHidden, refused);
  },
  length: (draft, random) => framed(draft, [['Content-Length', random.pick(lengths)]], hidden, refused),
  twoLengths: (draft, random) =>
    framed(
      draft,
      [
        ['Content-Length', '0'],
        ['Content-length', random.pick(['0', '5', '104'])],
      ],
      hidden,
      refused,
    ),
  wrongLength: (draft, random) =>
    framed(
      draft,
      [['Content-Length', String(Math.max(0, draft.body.length + random.below(60) - 30))]],
      draft.body,
    ),
  underscoreFraming(draft, random) {
    const name = random.pick([
      'Transfer_Encoding',
      'Content_Length',
      'Transfer.Encoding',
      'X-Transfer-Encoding',
    ]);
    draft.headers.push([name, random.pick(['chunked', '5'])]);
    draft.isClean = false;
  },
  chunkSize: (draft, random) =>
    framed(draft, [['Transfer-Encoding', 'chunked']], `${random.pick(chunkSizes)}\r\n{}\r\n0\r\n\r\n`),
  chunkWithHidden(draft) {
    if (draft.method === 'GET') return;
    const body = `${hidden.length.toString(16)};a="b"\r\n${hidden}\r\n0\r\n\r\n`;
    framed(draft, [['Transfer-Encoding', 'chunked']], body, { body: hidden });
  },
  trailers(draft, random) {
    if (draft.method === 'GET') return;
    const trailer = random.pick([
      'X-User-Id: 1',
      'Authorization: Bearer x',
      'Content-Type: x',
      'Content-Length: 5',
      'A\0: b',
    ]);
    framed(draft, [['Transfer-Encoding', 'chunked']], `2\r\n{}\r\n0\r\n${trailer}\r\n\r\n`, { body: '{}' });
  },
  expectation(draft, random) {
    draft.headers.push(['Expect', random.pick(['100-continue', '100-Continue', 'x', '', '100-continue, x'])]);
    draft.isClean = false;
    draft.isLast = true;
  },
  target(draft, random) {
    draft.target = random.chance(0.5)
      ? draft.target.replace(/\/(?=[a-z]+(?:[/?]|$))/, random.pick(dots))
      : random.pick(targets);
    Object.assign(draft, { isClean: false, isLast: true, meant: { ...draft.meant, ...refused } });
  },
  method(draft, random) {
    draft.method = random.pick(methods);
    Object.assign(draft, { isClean: false, isLast: true, meant: { ...draft.meant, body: undefined } });
  },
  version(draft, random) {
    draft.version = random.pick(versions);
    Object.assign(draft, { isClean: false, isLast: true });
  },
  host(draft, random) {
    draft.headers = draft.headers.filter(([name]) => name !== 'Host');
    for (let count = random.below(3); count > 0; count -= 1)
      draft.headers.push(['Host', random.pick(['gateway', ...hosts])]);
    Object.assign(draft, { isClean: false, isLast: true });
  },
  lineEnds(draft, random) {
    const from = random.pick(['\r\n', ': ', '\r\n\r\n']);
    const to = random.pick([
      '\n',
      '\r',
      '\r\r\n',
      '\n\r',
      '\r\n ',
      '\0\r\n',
      ' \r\n',
      ' : ',
      ':',
      '\r\n\t',
      '\x85',
    ]);
    become(draft, replaceOne(bytesOf(draft), from, to, random));
  },
  changedByte(draft, random) {
    const text = headOf(draft);
    const at = random.below(text.length);
    const byte = String.fromCharCode(random.below(256));
    const kept = text.slice(at + random.below(2));
    become(
      draft,
      bytesOf(draft).replace(text, () => text.slice(0, at) + byte + kept),
    );
  },
  truncated(draft, random) {
    const bytes = bytesOf(draft);
    become(draft, bytes.slice(0, random.below(bytes.length)));
  },
  garbageBehind(draft, random) {
    const garbage = random.pick([
      'garbage\r\n\r\n',
      '\0\0\0',
      'GET',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x03\x01\x02',
      '\r\n\r\nX',
    ]);
    become(draft, bytesOf(draft) + garbage, { body: draft.body });
  },
  manyHeaders(draft, random) {
    for (let count = random.pick([90, 101, 250, 2_100]); count > 0; count -= 1)
      draft.headers.push(['X-F', 'f']);
    Object.assign(draft, { isClean: false, isLast: true });
  },
  largeHeaders(draft, random) {
    draft.headers.push([`X-${'n'.repeat(random.below(9_000))}`, 'v'.repeat(random.below(20_000))]);
    Object.assign(draft, { isClean: false, isLast: true });
  },
  largeBody(draft, random) {
    if (draft.method === 'GET') return;
    draft.body = 'x'.repeat(random.pick([1_025, 65_537, 100_000]));
    draft.meant.body = draft.body;
    Object.assign(draft, { isClean: false, isLast: true });
  },
  blankLinesBefore: (draft, random) =>
    become(draft, random.pick(['\r\n', '\r\n\r\n', '\n', ' ', '\0']) + bytesOf(draft), { body: draft.body }),
};

function replaceOne(text: string, from: string, to: string, random: Random): string {
  const parts = text.split(from);
  if (parts.length < 2) return text;
  const at = 1 + random.below(parts.length - 1);
  return parts.slice(0, at).join(from) + to + parts.slice(at).join(from);
}
