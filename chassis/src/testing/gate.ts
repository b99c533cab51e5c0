/** Starts `count` pieces of work at one moment: each waits at the gate until all are there. */
export async function releaseTogether<T>(
  count: number,
  work: (index: number) => Promise<T>,
): Promise<PromiseSettledResult<T>[]> {
  let open = () => undefined as void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const all = Array.from({ length: count }, async (_, index) => {
    await gate;
    return work(index);
  });
  open();
  return Promise.allSettled(all);
}
