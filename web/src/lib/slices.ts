import type { Intervals } from "../api/schema";
import type { filterOf } from "../state/view";
import type { Kept, Slice } from "./useSlices";

/** The view's part that filters, and the name of the slice that it is. */
type Filtered = Kept & { slice: string | null };
type Change = Partial<Filtered>;

type Filter = ReturnType<typeof filterOf>;

/** What all slices of a question have in common. */
export function commonOf({ policy, confidence, iou, missing_rows }: Filter) {
  return { policy, confidence, iou, ...(missing_rows === undefined ? {} : { missing_rows }) };
}

/** What a slice has of its own, as the service is told of it. */
export function sliceOf({ split, feature, metadata, roll_up }: Filter): string {
  const own = Object.entries({ split, feature, metadata, roll_up: roll_up === undefined ? [] : [roll_up] });
  return new URLSearchParams(own.flatMap(([name, values]) => values.map((one) => [name, String(one)]))).toString();
}

const has = <T>(all: T[], some: T[] | undefined) => (some ?? []).every((one) => all.includes(one));

/** Whether the page is narrowed to a slice, and what has to change for it to be, or to be no longer. */
export function narrowing(
  view: Filtered,
  by: string,
  name: string,
  kept: Partial<Kept>,
): { chosen: boolean; change: Change } {
  if (by === "slice") {
    const chosen = view.slice === name;
    const none: Slice = { name, split: [], f: [], m: [], roll: null };
    const { split, f, m, roll } = chosen ? none : { ...none, ...kept };
    return { chosen, change: { split, f, m, roll, slice: chosen ? null : name } };
  }
  const { split = [], m = [] } = kept;
  const chosen = has(view.split, split) && has(view.m, m);
  if (chosen)
    return {
      chosen,
      change: {
        ...(split.length > 0 && { split: view.split.filter((one) => !split.includes(one)) }),
        ...(m.length > 0 && { m: view.m.filter((one) => !m.includes(one)) }),
      },
    };
  return {
    chosen,
    // Of two splits at once the rows of both are taken; the table's are looked at one by one.
    change: { ...(split.length > 0 && { split }), ...(m.length > 0 && { m: [...new Set([...view.m, ...m])] }) },
  };
}

export const SCORES = ["f1", "precision", "recall"] as const;

/** A score of a slice, with its bounds where there are some, and else why there is none. */
export interface Score {
  value: number | null;
  low: number | null;
  high: number | null;
  why: string | null;
}

/** What the table says of a slice: how large it is, and its scores. */
export function lineOfSlice(
  found: Intervals,
): { rows: number; annotations: number | null } & Record<(typeof SCORES)[number], Score> {
  const of = (name: string) => found.figures.find((one) => one.figure === name);
  const [tp, fn] = [of("tp")?.value ?? null, of("fn")?.value ?? null];
  const score = (name: string): Score => {
    const { value = null, low = null, high = null } = of(name) ?? {};
    const why = found.undefined[`${name}.${value === null ? "value" : "low"}`] ?? null;
    return { value, low, high, why: value === null || low === null ? (why ?? "not defined here") : null };
  };
  return {
    rows: found.rows,
    annotations: tp === null || fn === null ? null : tp + fn,
    f1: score("f1"),
    precision: score("precision"),
    recall: score("recall"),
  };
}

/** From where to where intervals lie: as far as their strokes are drawn, so that they can be told apart. */
export function spanOf(lines: Record<(typeof SCORES)[number], Score>[]): [number, number] {
  const scores = lines.flatMap((line) => SCORES.map((name) => line[name]));
  const edges = scores.flatMap(({ value, low, high }) => [value, low, high]).filter((one) => one !== null);
  const [low, high] = [Math.min(...edges), Math.max(...edges)];
  return low < high ? [low, high] : [0, 1];
}

/** How many data rows of all, which come first, are in none of the slices, where no row can be in two of them. */
export function rowsLeft([all, ...slices]: (Intervals | undefined)[]): number {
  if (!all || slices.some((one) => !one)) return 0;
  return slices.reduce((rest, one) => rest - (one?.rows ?? 0), all.rows);
}
