const mostNames = 500;

/** What is known of a header's name, found once: most requests bring the same dozen names. Bounded, since clients choose them. */
export function rememberByName<T>(find: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const found = find(name);
    if (known.size < mostNames) known.set(name, found);
    return found;
  };
}
