import type { Interval } from "../api/schema";
import { count } from "./format";

/** How an interval was made, in words. */
export function intervalOf({ method, replicates }: Pick<Interval, "method" | "replicates">): string {
  if (method === "wilson") return "Wilson's, with data rows for trials: resampling cannot show what no row has";
  return `from ${count(replicates)} resamplings of the data rows`;
}
