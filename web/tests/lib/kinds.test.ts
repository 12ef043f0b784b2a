import { expect, test } from "vitest";
import { headlineOf, summaryOf } from "../../src/lib/kinds";
import type { Overview } from "../../src/api/schema";

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

test("a headline is of its part of the overview, and of all where there is one kind", () => {
  const overview = { summary: { tp: 5 }, kinds: { objects: { tp: 3 }, answers: { tp: 2 } } } as unknown as Overview;
  const both = { bbox: 3, radio: 2 };
  expect(summaryOf(overview, headlineOf(both, null))?.tp).toBe(3);
  expect(summaryOf(overview, headlineOf(both, "answers"))?.tp).toBe(2);
  expect(summaryOf({ ...overview, kinds: {} }, headlineOf({ bbox: 3 }, null))?.tp).toBe(5);
  expect(summaryOf({ ...overview, kinds: {} }, headlineOf({}, null))?.tp).toBe(5);
  expect(summaryOf(undefined, headlineOf(both, null))).toBeUndefined();
  expect(summaryOf(overview, undefined)).toBeUndefined();
});
