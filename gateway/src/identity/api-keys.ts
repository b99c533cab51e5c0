import { createHash } from 'node:crypto';

/** Programs that call the API as themselves: each key has a name, and only its hash is known here. */
export interface ApiKeys {
  /** The name of the key in an `X-Api-Key` header, `unknown` for one that is not ours, undefined without the header. */
  nameOf(header: string | undefined): string | undefined;
}

export const unknownApiKey = 'unknown';

const longestKey = 256;
const mostRemembered = 1_000;

/**
 * Keys are found by their SHA-256: whoever guesses does not choose where a hash differs, so the time of the search tells nothing. Known ones are
 * remembered as they come, to be hashed once.
 */
export function createApiKeys({ apiKeys }: { apiKeys: Record<string, string> }): ApiKeys {
  const nameByHash = new Map(Object.entries(apiKeys).map(([name, hash]) => [hash, name]));
  const remembered = new Map<string, string>();
  return {
    nameOf(header) {
      if (header === undefined) return undefined;
      const known = remembered.get(header);
      if (known !== undefined) return known;
      if (header.length > longestKey) return unknownApiKey;
      const name = nameByHash.get(createHash('sha256').update(header).digest('hex'));
      if (name === undefined) return unknownApiKey;
      if (remembered.size >= mostRemembered) remembered.clear();
      remembered.set(header, name);
      return name;
    },
  };
}
