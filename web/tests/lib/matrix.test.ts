import { expect, test } from "vitest";
import type { ConfusionMatrix } from "../../src/api/schema";
import { type Counts, countsOf, hasOthers, inOrder, minus, share, topConfusions } from "../../src/lib/matrix";

type Cell = [actual: string | null, predicted: string | null, count: number];

/** The answer that holds these cells, and no others. */
function matrix(...cells: Cell[]): ConfusionMatrix {
  const sums = (side: 0 | 1) => {
    const found: Record<string, number> = {};
    for (const cell of cells) if (cell[side] !== null) found[cell[side]] = (found[cell[side]] ?? 0) + cell[2];
    return found;
  };
  const sum = (some: Cell[]) => some.reduce((all, cell) => all + cell[2], 0);
  return {
    missed: sum(cells.filter(([, predicted]) => predicted === null)),
    false_alarms: sum(cells.filter(([actual]) => actual === null)),
    objects: sum(cells),
    cells: cells.map(([actual, predicted, count]) => ({ actual, predicted, count })),
    labels: [...new Set(cells.flatMap(([actual, predicted]) => [actual, predicted]).filter((one) => one !== null))],
    total: cells.length,
    actual_sums: sums(0),
    predicted_sums: sums(1),
  };
}

const counts = (...cells: Cell[]): Counts => countsOf(matrix(...cells));

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

test("sums are of rows and columns, what is missed and false alarms among them", () => {
  expect([ANIMALS.ofActual("dog"), ANIMALS.ofPredicted("dog"), ANIMALS.ofPredicted("")]).toEqual([10, 12, 8]);
  expect([ANIMALS.ofActual(""), ANIMALS.all]).toEqual([4, 30]);
  expect(ANIMALS.ofActual("gnu")).toBe(0);
});

test("what is not shown is one row and one column, so that all sums add up", () => {
  const answer = matrix(
    ["dog", "dog", 8],
    ["dog", "cat", 2],
    ["cat", "cat", 5],
    ["cat", "dog", 3],
    ["ant", null, 7],
    [null, "bee", 4],
  );
  const counts = countsOf(answer, ["dog"]);
  const places = ["", "dog", null];
  expect(places.map((actual) => places.map((predicted) => counts.at(actual, predicted)))).toEqual([
    [0, 0, 4],
    [0, 8, 2],
    [7, 3, 5],
  ]);
  expect([places.map(counts.ofActual), places.map(counts.ofPredicted)]).toEqual([
    [4, 10, 15],
    [7, 11, 11],
  ]);
  expect(share(counts, "row", null, "")).toBeCloseTo(100 * (7 / 15));
  expect([hasOthers(counts), hasOthers(countsOf(answer, ["dog", "cat", "ant", "bee"]))]).toEqual([true, false]);
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

test("the top confusions are ranked, without what is right, missed or a false alarm", () => {
  const { cells } = countsOf(matrix(["a", "a", 9], ["a", "b", 2], ["b", "a", 5], ["a", null, 7], [null, "b", 8]));
  expect(topConfusions(cells, 5)).toEqual([
    { actual: "b", predicted: "a", count: 5 },
    { actual: "a", predicted: "b", count: 2 },
  ]);
  expect(topConfusions(cells, 1)).toHaveLength(1);
});
