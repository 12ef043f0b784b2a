import { expect, test } from "vitest";
import { isolated } from "../../src/lib/bidi";
import { nameOf } from "../../src/lib/cases";
import { basisOf, cellNames } from "../../src/lib/compared";
import { curveOption } from "../../src/lib/curveOption";
import { explained } from "../../src/lib/flips";
import { titleOf } from "../../src/lib/metrics";
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

test("names are isolated in tooltips, sentences and titles", () => {
  const [own, other] = ["כלב", "קט"];
  expect(titleOf(`custom.${own}`)).toBe(isolated(own));
  expect(basisOf(own, other, { rows: 2, leftOut: 1 })).toContain(`Differences to ${isolated(other)} are`);
  expect(cellNames(own, other).only_b).toBe(`Only ${isolated(other)} correct`);
  const said = curveOption("pr", [], null, () => "").tooltip.formatter({ seriesName: own, value: [0, 1, 0.5] });
  expect(said.startsWith(`${isolated(own)}<br>`)).toBe(true);
  const pair = {
    annotation: made({ label: own, matched_confidence: [null, 0.4] }),
    prediction: made({ label: other, outcome: "fp", matched_confidence: [null, 0.4], confidence: 0.4 }),
  };
  expect(explained(pair).join(" ")).toContain(`${isolated(own)} is missed`);
});
