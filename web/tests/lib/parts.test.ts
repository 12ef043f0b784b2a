import { expect, test } from "vitest";
import { gathered } from "../../src/lib/parts";

test("what comes into sight is asked for once, in a part of its own, whatever the order", () => {
  const first = gathered([], ["b", "a"]);
  expect(first).toEqual([["a", "b"]]);
  expect(gathered(first, ["a", "b"])).toBe(first);
  expect(gathered(first, ["c", "b", "a", "0"])).toEqual([
    ["a", "b"],
    ["0", "c"],
  ]);
});

test("many small parts become one of what is in sight now", () => {
  let parts: string[][] = [];
  for (let i = 0; i < 8; i++) parts = gathered(parts, [`${i}`]);
  expect(parts).toHaveLength(8);
  expect(gathered(parts, ["7", "8"])).toEqual([["7", "8"]]);
});
