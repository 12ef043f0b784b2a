import { filterOf, type View } from "../state/view";

/** What a question is asked with. */
export type Filtered = ReturnType<typeof filterOf> & { shared_with?: string };

/** Two runs over the data rows that both have results of: what every difference between them is of. */
export interface Shared {
  /** How many rows that are. */
  rows: number;
  /** How many rows of this run the other one does not have. */
  leftOut: number;
  /** What each run is asked with. */
  own: Filtered;
  theirs: Filtered;
}

/** What tells how many rows there are, at whatever thresholds and of whatever classes: it is asked once, not at every step. */
export function ofRows({ policy, split, metadata, missing_rows }: Filtered) {
  return { policy, split, metadata, ...(missing_rows && { missing_rows }), confidence: 1, cells: 1, labels: 1 };
}

/** What a chart of one run, or of two, is asked with: two runs beside each other are of the rows that both have. */
export interface Basis {
  own: Filtered;
  /** Nothing: there is no second run to show, or it has none of these rows. */
  theirs: Filtered | null;
}

/** Undefined: it is not known yet which rows two runs share. */
export function basisFor(filter: Filtered, isCompared: boolean, shared: Shared | undefined): Basis | undefined {
  if (!isCompared) return { own: filter, theirs: null };
  if (!shared) return undefined;
  return shared.rows === 0 ? { own: filter, theirs: null } : { own: shared.own, theirs: shared.theirs };
}

/** What is asked of each run; null: it is not known yet. */
export type Filters = { own: Filtered; theirs: Filtered };

/** A cell of one run less the other is of the rows that both have, and so are its objects. */
export function filtersFor(view: View, isCompared: boolean, shared: Shared | undefined): Filters | null {
  const isDifference = isCompared && view.minus === "1" && (view.actual !== null || view.predicted !== null);
  if (!isDifference) return { own: filterOf(view), theirs: filterOf(view) };
  return shared ? { own: shared.own, theirs: shared.theirs } : null;
}
