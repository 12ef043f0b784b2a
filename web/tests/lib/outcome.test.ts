import { expect, test } from "vitest";
import { colorOf, explainedOutcomes } from "../../src/lib/outcome";
import { made } from "../made";

test("a legend says nothing of ignored objects where there are none", () => {
  const row = { annotations: [made({ outcome: "tp" })], predictions: [made({ outcome: "fp" })] };
  expect(explainedOutcomes([row])).toEqual(["tp", "fp", "fn"]);
  expect(explainedOutcomes([row, { annotations: [made({ outcome: "ignored" })], predictions: [] }])).toContain(
    "ignored",
  );
});

test("each outcome has a colour of its own, but for what is outside the filters", () => {
  expect(new Set((["tp", "fp", "fn", "ignored"] as const).map(colorOf)).size).toBe(4);
  expect(colorOf(null)).toBe(colorOf("ignored"));
});
