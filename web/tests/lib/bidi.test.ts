import { expect, test } from "vitest";
import { isolated } from "../../src/lib/bidi";
import { nameOf } from "../../src/lib/cases";
import { cellOf } from "../../src/lib/selection";
import { made } from "../made";

test("only a name that is written from right to left is isolated", () => {
  expect(["dog", "größe 大", "шар"].map(isolated)).toEqual(["dog", "größe 大", "шар"]);
  expect(["כלב גדול", "قط", "dog כלב"].map(isolated)).toEqual([
    "\u2068כלב גדול\u2069",
    "\u2068قط\u2069",
    "\u2068dog כלב\u2069",
  ]);
});

test("an arrow between two such names leads from the first to the second", () => {
  expect(cellOf({ actual: "כלב", predicted: "קט" })).toBe("\u2068כלב\u2069 → \u2068קט\u2069");
  expect(nameOf({ annotation: made({ label: "כלב" }), prediction: made({ label: "dog" }) })).toBe(
    "\u2068כלב\u2069 → dog",
  );
});
