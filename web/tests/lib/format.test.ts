import { expect, test } from "vitest";
import { count, figure, ratio, short, signed } from "../../src/lib/format";

test("what is not defined is never 0", () => {
  expect([ratio(null), ratio(undefined), count(null), count(undefined), figure(null)]).toEqual(Array(5).fill("n/a"));
  expect([ratio(0), count(0), figure(0)]).toEqual(["0.0000", "0", "0"]);
});

test("counts have commas, ratios four decimals, and other numbers four digits", () => {
  expect([count(1234567), ratio(0.98765), figure(1234), figure(0.5), figure(1234.5)]).toEqual([
    "1,234,567",
    "0.9877",
    "1,234",
    "0.5000",
    "1235",
  ]);
  expect([0.30000000000000004, 1e9, -0.5].map(short)).toEqual(["0.3", "1000000000", "-0.5"]);
});

test("a difference has a sign, and none is said to be none", () => {
  expect([1200, -3, 0, 0.25, -0.00001].map(signed)).toEqual(["+1,200", "−3", "±0", "+0.2500", "−0.0000"]);
});
