import { expect, test } from "vitest";
import { multiples, roundStep, spelled } from "../../src/lib/graticule";

test("steps are 1, 2 or 5 times a power of ten", () => {
  expect([0.0024, 0.9, 1, 4.9, 70].map((about) => Number(roundStep(about).toPrecision(3)))).toEqual([
    0.002, 0.5, 1, 2, 50,
  ]);
});

test("lines lie on multiples of the step, within the box", () => {
  expect(multiples(13.401, 0.008, 0.002).map((one) => one.toFixed(3))).toEqual([
    "13.402",
    "13.404",
    "13.406",
    "13.408",
  ]);
});

test("degrees have as many digits as the step needs, and say which way", () => {
  expect(spelled(13.402, 0.002, ["E", "W"])).toBe("13.402°E");
  expect(spelled(-2, 1, ["N", "S"])).toBe("2°S");
  expect(spelled(0, 0.5, ["N", "S"])).toBe("0.0°");
});
