import { expect, test } from "vitest";
import type { ConfusionMatrix } from "../../src/api/schema";
import { type Counts, countsOf, inOrder, minus, share } from "../../src/lib/matrix";

type Cell = [actual: string | null, predicted: string | null, count: number];

/** The answer that holds these cells, and no others. */
function matrix(...cells: Cell[]): ConfusionMatrix {
  const sums = (side: 0 | 1) => {
    const found: Record<string, number> = {};
    for (const cell of cells) if (cell[side] !== null) found[cell[side]] = (found[cell[side]] ?? 0) + cell[2];
    return found;
  };
  return {
    cells: cells.map(([actual, predicted, count]) => ({ actual, predicted, count })),
    labels: [...new Set(cells.flatMap(([actual, predicted]) => [actual, predicted]).filter((one) => one !== null))],
    total: cells.length,
    actual_sums: sums(0),
    predicted_sums: sums(1),
  };
}

const counts = (...cells: Cell[]): Counts => countsOf(matrix(...cells), true);

const ANIMALS = counts(
  ["dog", "dog", 8],
  ["dog", "cat", 2],
  ["cat", "cat", 5],
  ["cat", null, 1],
  [null, "dog", 4],
  ["ant", null, 7],
  ["owl=yes", "owl=yes", 3],
);

test("cells are looked up, and what is not there is 0", () => {
  expect([ANIMALS.at("dog", "cat"), ANIMALS.at("cat", "dog"), ANIMALS.at("", "dog")]).toEqual([2, 0, 4]);
});

test("sums are of rows and columns; of a part only the service could say", () => {
  expect([ANIMALS.ofActual("dog"), ANIMALS.ofPredicted("dog"), ANIMALS.ofPredicted("")]).toEqual([10, 12, 8]);
  expect(ANIMALS.ofActual("gnu")).toBe(0);
});

test("shares are of the row or the column, and of nothing there is none", () => {
  expect(share(ANIMALS, "count", "dog", "cat")).toBe(2);
  expect(share(ANIMALS, "row", "dog", "cat")).toBe(20);
  expect(share(ANIMALS, "column", "dog", "dog")).toBeCloseTo(100 * (8 / 12));
  expect(share(ANIMALS, "row", "gnu", "cat")).toBeUndefined();
});

test("a difference needs both", () => {
  expect([minus(3, 5), minus(undefined, 1), minus(1, undefined)]).toEqual([-2, undefined, undefined]);
});

test("classes that are taken for each other come first, side by side, then those that are lost", () => {
  expect(inOrder([ANIMALS], "errors", "")).toEqual(["cat", "dog", "ant", "owl=yes"]);
  const pairs = counts(["a", "d", 2], ["b", "c", 9], ["c", "d", 1], ["e", "e", 50]);
  expect(inOrder([pairs], "errors", "")).toEqual(["c", "b", "d", "a", "e"]);
});

test("by name, numbers by their size; by count, the most annotated first; and both only what is searched for", () => {
  const numbered = counts(["n10", "n10", 1], ["n9", "n9", 5], ["other", "other", 9]);
  expect(inOrder([numbered], "name", "N")).toEqual(["n9", "n10"]);
  expect(inOrder([numbered], "count", "")).toEqual(["other", "n9", "n10"]);
});
