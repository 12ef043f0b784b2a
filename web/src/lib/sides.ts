import type { Metadata } from "../api/schema";
import { PARTS } from "./chart";
import { short } from "./format";
import type { Kept } from "./useSlices";

/** More parts side by side could not be told apart. */
export const MOST = PARTS.length;
/** Into how many ranges numbers are parted, where they have more values than that. */
const RANGES = 4;
const DIGITS = [3, 6, 9, 12, 15];

/** What passes the filters of the page and those of a part; null: nothing can. */
export function together(view: Kept, { split = [], f = [], m = [], roll = null }: Partial<Kept>): Kept | null {
  const of = <T>(own: T[], other: T[]) =>
    own.length > 0 && other.length > 0 ? own.filter((one) => other.includes(one)) : [...own, ...other];
  const both = { split: of(view.split, split), f: of(view.f, f), m: [...view.m, ...m], roll: roll ?? view.roll };
  const none = (own: unknown[], other: unknown[], left: unknown[]) =>
    own.length > 0 && other.length > 0 && left.length === 0;
  return none(view.split, split, both.split) || none(view.f, f, both.f) ? null : both;
}

/** Metadata by value, the most frequent first; by range where it is numbers, and many. */
export function conditionsOf({
  key,
  values,
  minimum,
  maximum,
  known,
  numbers,
}: Metadata): { name: string; m: string[] }[] {
  if (values.length <= MOST || numbers < known || minimum === null || maximum === null)
    return values.map(({ value }) => ({ name: value, m: [`${key}=${value}`] }));
  const at = (i: number) => minimum + ((maximum - minimum) * i) / RANGES;
  // As few digits as tell the edges apart: those of moments in time have the first nine in common.
  const digits =
    DIGITS.find((n) => new Set(Array.from({ length: RANGES + 1 }, (_, i) => at(i).toPrecision(n))).size > RANGES) ?? 17;
  const edge = (i: number) => Number(at(i).toPrecision(digits));
  const told = digits > 3 ? String : short;
  return Array.from({ length: RANGES }, (_, i) => ({
    name:
      i === 0
        ? `below ${told(edge(1))}`
        : i < RANGES - 1
          ? `${told(edge(i))} to ${told(edge(i + 1))}`
          : `from ${told(edge(i))}`,
    m: [...(i > 0 ? [`${key}>=${edge(i)}`] : []), ...(i < RANGES - 1 ? [`${key}<${edge(i + 1)}`] : [])],
  }));
}
