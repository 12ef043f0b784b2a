import { expect, test } from "vitest";
import { colorOf, explainedOutcomes, wordsOf } from "../../src/lib/outcome";
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

test("an object is called what its case is called", () => {
  expect(wordsOf("fp", true)).toBe("wrong class");
  expect(wordsOf("fp", false)).toBe("false alarm");
  expect(wordsOf("fn", true)).toBe("wrong class");
  expect(wordsOf("fn", false)).toBe("missed");
  expect(wordsOf("tp", true)).toBe("correct");
  expect(wordsOf(null, false)).toBe("");
});
