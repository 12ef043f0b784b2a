import { expect, test } from "vitest";
import { goesOn, isStepping } from "../../src/lib/gesture";

test("keys in quick succession are one step of the history", () => {
  expect(goesOn(null, 5_000)).toBe(false);
  expect(goesOn(4_900, 5_000)).toBe(true);
  expect(goesOn(3_000, 5_000)).toBe(false);
});

test("only keys that move a slider are counted", () => {
  expect(["ArrowLeft", "End", "Tab", "a"].map(isStepping)).toEqual([true, true, false, false]);
});
