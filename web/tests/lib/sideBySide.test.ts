import { expect, test } from "vitest";
import { alsoOf, besideOf, rowsOfCurves } from "../../src/lib/sideBySide";
import { tilesOf } from "../../src/lib/tiles";
import type { Summary } from "../../src/api/schema";
import { viewOf } from "../made";

test("beside the two that are compared stand runs that there are, each once, and no more than can be told apart", () => {
  const runs = ["a", "b", "c", "d", "e", "f", "g"];
  expect(alsoOf(runs, "a", "b", ["c", "a", "gone", "c", "b", "d"])).toEqual(["c", "d"]);
  expect(alsoOf(runs, "a", null, ["b", "c", "d", "e", "f"])).toEqual(["b", "c", "d", "e"]);
});

test("a name that holds what parts names in the address is one name", () => {
  expect(viewOf(`also=${encodeURIComponent("left%7Cright|שם=1")}`).also).toEqual(["left|right", "שם=1"]);
});

const summary = (own: Partial<Summary>) => ({ undefined: {}, annotations: 10, predictions: 10, ...own }) as Summary;
const answers = (own: Partial<Summary>) => ({ summary: summary(own), average: undefined });

test("a further run is measured by the first over the rows that both have: more is better, but for errors", () => {
  const whole = answers({ f1: 0.1, fp: 90, fn: 1, rows: 9 });
  const tiles = tilesOf(whole, answers({ f1: 0.5, fp: 4, fn: 3 }), answers({ f1: 0.75, fp: 6, fn: 3, rows: 2 }), {
    p: "coco",
  });
  const of = (name: string) => tiles.filter((one) => one.figure === name).map(besideOf)[0];
  expect(of("f1")).toEqual({ value: 0.75, change: 0.25, verdict: "better" });
  expect(of("fp")).toEqual({ value: 6, change: 2, verdict: "worse" });
  expect(of("fn")).toEqual({ value: 3, change: 0, verdict: "same" });
  expect(of("rows")).toEqual({ value: 2, change: null, verdict: "same" });
  // Not defined, or not known yet: no difference.
  expect(of("ap")).toEqual({ value: undefined, change: null, verdict: "same" });
});

test("curves that are not of the same rows say so; where all are, nothing is said", () => {
  const all = { run: "all", rows: 200 };
  expect(rowsOfCurves("svm", 200, [all, { run: "late", rows: undefined }])).toBeNull();
  expect(rowsOfCurves("svm", undefined, [{ run: "half", rows: 100 }])).toBeNull();
  expect(rowsOfCurves("svm", 200, [all, { run: "half", rows: 100 }, { run: "other", rows: 0 }])).toBe(
    "Of 200 data rows each curve has those that its run shares with svm: half 100. " +
      "No curve, for no data row is shared: other.",
  );
});
