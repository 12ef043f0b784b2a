import { expect, test } from "vitest";
import { problemOf } from "../../src/lib/condition";

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
