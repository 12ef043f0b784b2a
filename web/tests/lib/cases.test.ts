import { expect, test } from "vitest";
import type { Row } from "../../src/api/schema";
import { keysOf, nameOf, outcomeOf, pairsOf } from "../../src/lib/cases";
import { made } from "../made";

const all = () => true;

test("errors come first, then what is right, then what is ignored, each with its partner", () => {
  const row = {
    annotations: [
      made({ id: "a", outcome: "tp", matched: "1" }),
      made({ id: "b", outcome: "fn" }),
      made({ id: "crowd", outcome: "ignored" }),
      made({ id: "outside", outcome: null }),
    ],
    predictions: [
      made({ id: "1", outcome: "tp", matched: "a" }),
      made({ id: "2", outcome: "fp" }),
      // A crowd region takes in many predictions, and belongs to none of them alone.
      made({ id: "3", outcome: "ignored", matched: "crowd" }),
    ],
  } as unknown as Row;
  const pairs = pairsOf(row, all);
  expect(pairs.map(keysOf)).toEqual([
    ["prediction 2"],
    ["annotation b"],
    ["annotation a", "prediction 1"],
    ["prediction 3"],
    ["annotation crowd"],
  ]);
  expect(pairs.map(outcomeOf)).toEqual(["fp", "fn", "tp", "ignored", "ignored"]);
});

test("a pair is called by what it is, and by what it was taken for", () => {
  const answer = (said: string) => made({ type: "radio", feature: "sky", label: `sky=${said}` });
  expect(nameOf({ annotation: made({ label: "dog" }), prediction: made({ label: "cat" }) })).toBe("dog → cat");
  expect(nameOf({ annotation: made({ label: "dog" }), prediction: null })).toBe("dog");
  expect(nameOf({ annotation: answer("blue"), prediction: answer("grey") })).toBe("sky: blue → grey");
  expect(nameOf({ annotation: answer("blue"), prediction: answer("blue") })).toBe("sky: blue");
});
