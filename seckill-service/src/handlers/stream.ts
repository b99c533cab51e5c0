/** The live sale in the hash tag of a stream's key: `…{a:123}:stream`, or `…{a:123:0}:stream` of a bucket. */
export function saleOf(stream: string): string {
  const sale = /\{a:(\d[\d:.]*)\}/.exec(stream)?.[1];
  if (!sale) throw new Error(`not the stream of a live sale: ${stream}`);
  return sale;
}
