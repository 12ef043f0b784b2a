import { expect, test } from "vitest";
import type { Intervals } from "../../src/api/schema";
import { commonOf, lineOfSlice, narrowing, rowsLeft, sliceOf, spanOf } from "../../src/lib/slices";

const NOTHING = { split: [], f: [], m: [], roll: null, slice: null };

test("a slice is told as a query string of its own, beside what all have in common", () => {
  const common = { policy: "coco" as const, confidence: 0.3, iou: 0.5 };
  const own = { split: ["test" as const], feature: ["a&b", "c"], metadata: ["noise>=0.1"], roll_up: 1 };
  expect(commonOf({ ...common, ...own })).toEqual(common);
  const said = new URLSearchParams(sliceOf({ ...common, ...own }));
  expect(said.getAll("feature")).toEqual(own.feature);
  expect([...said.keys()]).toEqual(["split", "feature", "feature", "metadata", "roll_up"]);
  expect(sliceOf({ ...common, split: [], feature: [], metadata: [] })).toBe("");
});

test("a click on a slice narrows the view to it, and the next one widens it again", () => {
  const first = narrowing({ ...NOTHING, m: ["a=1"] }, "metadata.lux", "dark", { m: ["lux<3"] });
  expect(first).toEqual({ chosen: false, change: { m: ["a=1", "lux<3"] } });
  const second = narrowing({ ...NOTHING, ...first.change }, "metadata.lux", "dark", { m: ["lux<3"] });
  expect(second).toEqual({ chosen: true, change: { m: ["a=1"] } });
  expect(narrowing({ ...NOTHING, split: ["train"] }, "split", "test", { split: ["test"] })).toEqual({
    chosen: false,
    change: { split: ["test"] },
  });
  expect(narrowing({ ...NOTHING, split: ["test"] }, "split", "test", { split: ["test"] }).change).toEqual({
    split: [],
  });
});

test("a range is chosen only where both its ends are", () => {
  const kept = { m: ["lux>=3", "lux<9"] };
  expect(narrowing({ ...NOTHING, m: ["lux>=3"] }, "metadata.lux", "3 to 9", kept).chosen).toBe(false);
  expect(narrowing({ ...NOTHING, m: ["lux>=3", "lux<9"] }, "metadata.lux", "3 to 9", kept).chosen).toBe(true);
});

test("a kept slice takes the place of the filter, and leaves none behind", () => {
  const kept = { split: ["test" as const], f: ["dog"], m: [], roll: null };
  const { change } = narrowing({ ...NOTHING, m: ["a=1"] }, "slice", "mine", kept);
  expect(change).toEqual({ ...kept, slice: "mine" });
  const { chosen, change: back } = narrowing({ ...NOTHING, ...change }, "slice", "mine", kept);
  expect([chosen, back]).toEqual([true, NOTHING]);
});

test("a line says its size and its scores, and why one has no value or no interval", () => {
  const figure = (name: string, value: number | null, low: number | null = null, high: number | null = null) => ({
    figure: name,
    value,
    low,
    high,
  });
  const found = {
    rows: 7,
    figures: [
      figure("tp", 3),
      figure("fn", 2),
      figure("recall", 0.6, 0.4, 0.8),
      figure("precision", null),
      figure("f1", 1),
    ],
    undefined: { "precision.value": "nothing was predicted", "f1.low": "it is the same" },
  } as unknown as Intervals;
  expect(lineOfSlice(found)).toEqual({
    rows: 7,
    annotations: 5,
    recall: { value: 0.6, low: 0.4, high: 0.8, why: null },
    precision: { value: null, low: null, high: null, why: "nothing was predicted" },
    f1: { value: 1, low: null, high: null, why: "it is the same" },
  });
});

test("rows in no slice are counted once all slices are known", () => {
  const of = (rows: number) => ({ rows }) as Intervals;
  expect(rowsLeft([of(10), of(4), of(3)])).toBe(3);
  expect(rowsLeft([of(10), of(4), undefined])).toBe(0);
  expect(rowsLeft([undefined])).toBe(0);
});

test("strokes reach from the lowest edge to the highest, whatever has none", () => {
  const score = (value: number | null, low: number | null = null, high: number | null = null) => ({
    value,
    low,
    high,
    why: null,
  });
  const line = { f1: score(0.6, 0.5, 0.7), precision: score(0.9), recall: score(null) };
  expect(spanOf([line])).toEqual([0.5, 0.9]);
  expect(spanOf([])).toEqual([0, 1]);
});
