import { expect, test } from "vitest";
import { followed, headlineOf } from "../../src/lib/kinds";
import { OBJECT_TYPES } from "../../src/lib/shape";

test("objects and answers are never counted together", () => {
  const mixed = { bbox: 30, mask: 4, radio: 9 };
  expect(headlineOf(mixed, null)).toMatchObject({
    kinds: ["objects", "answers"],
    kind: "objects",
    words: "boxes, masks",
  });
  expect(headlineOf(mixed, null).ask.type).toContain("bbox");
  expect(headlineOf(mixed, null).ask.type).not.toContain("radio");
  expect(headlineOf(mixed, "answers")).toMatchObject({ kind: "answers", words: "single choices" });
  expect(headlineOf(mixed, "answers").ask.type).not.toContain("bbox");
});

test("where there is one kind, it needs no choice and nothing is left out", () => {
  expect(headlineOf({ radio: 9 }, "objects")).toMatchObject({ kinds: ["answers"], kind: "answers", ask: {} });
  expect(headlineOf({}, null)).toEqual({ kinds: [], kind: null, ask: {}, words: "" });
});

test("at a step of a slider nothing is asked twice", () => {
  const filter = { confidence: 0.3 };
  expect(followed(filter, undefined)).toEqual([filter]);
  expect(followed(filter, headlineOf({ bbox: 3 }, null))).toEqual([filter]);
  const both = followed(filter, headlineOf({ bbox: 3, radio: 2 }, null));
  expect(both).toEqual([filter, { ...filter, type: OBJECT_TYPES }]);
});
