import { expect, test } from "vitest";
import type { Metadata } from "../../src/api/schema";
import { problemOf, valuesOf } from "../../src/lib/condition";

test.each([
  ["noise>=0.3", null],
  ["weather != rain", null],
  ["noise", "Write a key, one of = != >= <= > <, and a value."],
  ["mood=good", "No row has mood. There are noise, weather."],
  ["noise>=", "And which value?"],
  ["weather>rain", "> compares numbers; write = or !=."],
])("of %s it is said: %s", (text, problem) => {
  expect(problemOf(text, ["noise", "weather"])).toBe(problem);
});

test("a key that no row has is said not to be there, and which are", () => {
  const nothing: Metadata = {
    key: "foo",
    rows: 9,
    known: 0,
    numbers: 0,
    minimum: null,
    maximum: null,
    total: 0,
    values: [],
  };
  expect(valuesOf(nothing, ["noise", "sky"])).toBe("No row has foo. There are noise, sky.");
  expect(valuesOf(nothing, [])).toBe("No row has foo. The rows have no metadata.");
  const words = ["a", "b", "c", "d", "e"].map((value) => ({ value, rows: 1 }));
  expect(valuesOf({ ...nothing, known: 9, total: 7, values: words }, [])).toBe("foo is a, b, c, d, e ….");
  expect(valuesOf({ ...nothing, known: 9, numbers: 9, minimum: 0.1, maximum: 2 }, [])).toBe("foo goes from 0.1 to 2.");
});
