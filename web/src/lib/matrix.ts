import type { ConfusionMatrix } from "../api/schema";
import type { View } from "../state/view";

export interface Cell {
  actual: string;
  predicted: string;
  count: number;
}

/** A row or column: a class, nothing at all (the empty text), or all classes that are not shown (null). */
export type Label = string | null;

/** Counts by what was there and what was said. */
export interface Counts {
  at: (actual: Label, predicted: Label) => number;
  /** All of one row or one column, shown or not. */
  ofActual: (label: Label) => number;
  ofPredicted: (label: Label) => number;
  /** All of the matrix. */
  all: number;
  cells: Cell[];
}

const key = (one: string, other: string) => JSON.stringify([one, other]);
const add = (map: Map<string, number>, name: string, number: number) => map.set(name, (map.get(name) ?? 0) + number);
const total = <T>(items: readonly T[], number: (item: T) => number) => items.reduce((sum, one) => sum + number(one), 0);

/** Look cells up by their labels; of the classes that are not among `shown`, all together. */
export function countsOf(answer: ConfusionMatrix, shown: string[] = []): Counts {
  const cells = answer.cells.map(({ actual, predicted, count }) => ({
    actual: actual ?? "",
    predicted: predicted ?? "",
    count,
  }));
  const cell = new Map(cells.map(({ actual, predicted, count }) => [key(actual, predicted), count]));
  const places = ["", ...shown];
  const ofActual = (label: Label): number => {
    if (label === null) return answer.objects - total(places, ofActual);
    return label ? (answer.actual_sums[label] ?? 0) : answer.false_alarms;
  };
  const ofPredicted = (label: Label): number => {
    if (label === null) return answer.objects - total(places, ofPredicted);
    return label ? (answer.predicted_sums[label] ?? 0) : answer.missed;
  };
  const at = (actual: Label, predicted: Label): number => {
    if (predicted === null) return ofActual(actual) - total(places, (one) => at(actual, one));
    if (actual === null) return ofPredicted(predicted) - total(places, (one) => at(one, predicted));
    return cell.get(key(actual, predicted)) ?? 0;
  };
  return { at, ofActual, ofPredicted, all: answer.objects, cells };
}

/** Whether there is anything of classes that are not shown. */
export function hasOthers(counts: Counts): boolean {
  return counts.ofActual(null) > 0 || counts.ofPredicted(null) > 0;
}

/** One number less another; not defined unless both are. */
export function minus(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one - other;
}

/** A cell as a share of its row or column, in percent; undefined where there is nothing to take a share of. */
export function share(counts: Counts, unit: View["unit"], actual: Label, predicted: Label): number | undefined {
  const count = counts.at(actual, predicted);
  if (unit === "count") return count;
  const whole = unit === "row" ? counts.ofActual(actual) : counts.ofPredicted(predicted);
  return whole ? (100 * count) / whole : undefined;
}

/** What is taken for what, the most often first; objects and answers alike. */
export function topConfusions(cells: Cell[], most: number): Cell[] {
  const wrong = cells.filter(({ actual, predicted }) => actual && predicted && actual !== predicted);
  return falling(wrong, ({ count }) => count).slice(0, most);
}

/** Made once: to make it takes longer than to compare. */
const BY_NAME = new Intl.Collator("en", { numeric: true }).compare;

/** Which classes come first, where all cells are known. */
export function inOrder(counts: Counts[], order: View["order"], search: string): string[] {
  const cells = counts.flatMap((one) => one.cells);
  const labels = [...new Set(cells.flatMap(({ actual, predicted }) => [actual, predicted]))]
    .filter((label) => label && label.toLowerCase().includes(search.toLowerCase()))
    .sort(BY_NAME);
  if (order === "name") return labels;
  if (order === "errors") return mostConfused(cells, labels);
  const annotated = (label: string) => total(counts, (one) => one.ofActual(label));
  return falling(labels, annotated);
}

/**
 * First the classes taken for each other, those of a pair side by side, the pairs most often confused before others;
 * then those of which something is missed, or said where nothing is.
 */
function mostConfused(cells: Cell[], labels: string[]): string[] {
  const [pairs, confused, lost] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  for (const { actual, predicted, count } of cells) {
    if (actual === predicted) continue;
    const both = [actual, predicted].sort();
    if (actual && predicted) add(pairs, JSON.stringify(both), count);
    for (const label of both) add(actual && predicted ? confused : lost, label, count);
  }
  const weight = (label: string) => confused.get(label) ?? 0;
  const partners = [...pairs].map(([names, count]) => ({
    both: falling(JSON.parse(names) as string[], weight),
    count,
  }));
  const often = falling(
    falling(partners, ({ both }) => both.reduce((sum, label) => sum + weight(label), 0)),
    ({ count }) => count,
  );
  const wanted = new Set(labels);
  const first = often.flatMap(({ both }) => both).filter((label) => wanted.has(label));
  return [...new Set([...first, ...falling(labels, (label) => lost.get(label) ?? 0)])];
}

/** The largest first; what is equal stays in its order. */
function falling<T>(items: T[], weight: (item: T) => number): T[] {
  return [...items].sort((x, y) => weight(y) - weight(x));
}
