import { expect, test } from "vitest";
import { isThreshold, spread } from "../../src/lib/thresholds";

test("values are spread evenly, ends included", () => {
  expect(spread(0.4, 0.6)).toEqual([0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6]);
});

test("a threshold is a number from 0 to 1", () => {
  expect([0, 1, 0.5, -0.1, 1.5, "0.5", null, NaN].map(isThreshold)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});
