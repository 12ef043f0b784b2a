import { isolated } from "./bidi";
import { ALSO } from "./chart";
import { count } from "./format";
import type { Tile } from "./tiles";

/** How many runs stand side by side at most: as many as there are lines that can be told apart. */
export const MOST_RUNS = 2 + ALSO.length;

/** The runs that stand beside the two which are compared: those that there are, each once. */
export function alsoOf(runs: string[], a: string | null, b: string | null, also: string[]): string[] {
  return [...new Set(also)].filter((run) => run !== a && run !== b && runs.includes(run)).slice(0, ALSO.length);
}

/** A figure of a run beside the first one, and how far it is from that one's over the rows that both have. */
export interface Beside {
  value: number | null | undefined;
  /** Nothing: one of the two is not defined, or not known yet, or there is nothing to compare. */
  change: number | null;
  verdict: "better" | "worse" | "same";
}

/** A run's figure beside that of the first: here the first is what others are measured by. */
export function besideOf({ shared: [first, own], fewerIsBetter = false, alone = false }: Tile): Beside {
  const change = alone || typeof first !== "number" || typeof own !== "number" ? null : own - first;
  return { value: own, change, verdict: !change ? "same" : change > 0 !== fewerIsBetter ? "better" : "worse" };
}

/** A run, and how many rows of the first one it has; undefined: not known yet. */
export interface Sharing {
  run: string;
  rows: number | undefined;
}

/** Where curves are not all of the same rows: of which they are. */
export function rowsOfCurves(first: string, whole: number | undefined, others: Sharing[]): string | null {
  const some = others.filter(({ rows }) => rows !== undefined && rows > 0 && rows !== whole);
  const none = others.filter(({ rows }) => rows === 0).map(({ run }) => isolated(run));
  if (whole === undefined || some.length + none.length === 0) return null;
  const each = some.map(({ run, rows }) => `${isolated(run)} ${count(rows)}`);
  return [
    ...(each.length > 0
      ? [
          `Of ${count(whole)} data rows each curve has those that its run shares with ${isolated(first)}: ${each.join(", ")}.`,
        ]
      : []),
    ...(none.length > 0 ? [`No curve, for no data row is shared: ${none.join(", ")}.`] : []),
  ].join(" ");
}
