import type { ConfusionMatrix } from "../api/schema";
import type { View } from "../state/view";

/** Counts by what was there and what was said; the empty label is nothing at all. */
export interface Counts {
  at: (actual: string, predicted: string) => number;
  /** All of one row or one column, shown or not; undefined where only the service could say. */
  ofActual: (label: string) => number | undefined;
  ofPredicted: (label: string) => number | undefined;
  /** How often each class is in a wrong cell. */
  errors: Map<string, number>;
}

const key = (actual: string, predicted: string) => JSON.stringify([actual, predicted]);
const add = (map: Map<string, number>, name: string, number: number) => map.set(name, (map.get(name) ?? 0) + number);

/** Look cells up by their labels. `complete`: they are all there are, so that what is missing is 0. */
export function countsOf(answer: ConfusionMatrix, complete: boolean): Counts {
  const at = new Map<string, number>();
  const errors = new Map<string, number>();
  const nothing = { actual: 0, predicted: 0 };
  for (const { actual, predicted, count } of answer.cells) {
    const [a, p] = [actual ?? "", predicted ?? ""];
    at.set(key(a, p), count);
    if (!a) nothing.actual += count;
    if (!p) nothing.predicted += count;
    for (const label of new Set([a, p])) if (label) add(errors, label, a === p ? 0 : count);
  }
  const sum = (sums: Record<string, number>, label: string, none: number) =>
    label ? (sums[label] ?? 0) : complete ? none : undefined;
  return {
    at: (actual, predicted) => at.get(key(actual, predicted)) ?? 0,
    ofActual: (label) => sum(answer.actual_sums, label, nothing.actual),
    ofPredicted: (label) => sum(answer.predicted_sums, label, nothing.predicted),
    errors,
  };
}

/** One number less another; not defined unless both are. */
export function minus(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one - other;
}

/** A cell as a share of its row or column, in percent; undefined where there is nothing to take a share of. */
export function share(counts: Counts, unit: View["unit"], actual: string, predicted: string): number | undefined {
  const count = counts.at(actual, predicted);
  if (unit === "count") return count;
  const whole = unit === "row" ? counts.ofActual(actual) : counts.ofPredicted(predicted);
  return whole ? (100 * count) / whole : undefined;
}

/** Which classes come first, where all cells are known. */
export function inOrder(counts: Counts[], order: View["order"], search: string): string[] {
  const weight = (label: string) =>
    counts.reduce((sum, one) => sum + ((order === "errors" ? one.errors.get(label) : one.ofActual(label)) ?? 0), 0);
  const labels = [...new Set(counts.flatMap((one) => [...one.errors.keys()]))]
    .filter((label) => label.toLowerCase().includes(search.toLowerCase()))
    .sort((x, y) => x.localeCompare(y, "en", { numeric: true }));
  if (order === "name") return labels;
  const weights = new Map(labels.map((label) => [label, weight(label)]));
  return labels.sort((x, y) => (weights.get(y) ?? 0) - (weights.get(x) ?? 0));
}
