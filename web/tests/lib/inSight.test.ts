import { expect, test } from "vitest";
import { linesInSight } from "../../src/lib/inSight";

/** Ten lines of 34 pixels, and below them one with the name of its group above it. */
const LINES = [
  ...Array.from({ length: 10 }, (_, index) => ({ index, end: 34 * (index + 1) })),
  { index: 10, end: 340 + 30 + 34 },
];

test("a line that is cut below its middle is in sight", () => {
  expect(linesInSight(LINES, 34, 0, 391)).toEqual([0, 10]);
  expect(linesInSight(LINES, 34, 0, 404)).toEqual([0, 10]);
});

test("a line that is cut above its middle is not, whatever there is to see of its group's name", () => {
  expect(linesInSight(LINES, 34, 0, 386)).toEqual([0, 9]);
  expect(linesInSight(LINES, 34, 18, 102)).toEqual([1, 2]);
});

test("between two middles none is in sight", () => {
  expect(linesInSight(LINES, 34, 20, 50)).toBeNull();
  expect(linesInSight([], 34, 0, 400)).toBeNull();
});
