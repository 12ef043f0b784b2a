/** More questions than these are put together anew: each is a request of its own where something has changed. */
const MOST_PARTS = 8;

/**
 * Names in parts, each of which is one question: what is new beside what was asked before. In another order, or a
 * little further on, only what was not in sight yet is asked for.
 */
export function gathered(before: string[][], names: string[]): string[][] {
  const known = new Set(before.flat());
  const fresh = names.filter((name) => !known.has(name)).sort();
  if (fresh.length === 0) return before;
  return before.length < MOST_PARTS ? [...before, fresh] : [[...names].sort()];
}
