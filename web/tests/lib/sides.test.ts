import { expect, test } from "vitest";
import type { Metadata } from "../../src/api/schema";
import { conditionsOf, MOST, together } from "../../src/lib/sides";

function metadata(values: (string | number)[]): Metadata {
  const numbers = values.filter((one) => typeof one === "number");
  return {
    key: "lux",
    rows: values.length,
    known: values.length,
    numbers: numbers.length,
    minimum: numbers.length > 0 ? Math.min(...numbers) : null,
    maximum: numbers.length > 0 ? Math.max(...numbers) : null,
    total: new Set(values).size,
    values: [...new Set(values)].map((value) => ({ value: String(value), rows: 1 })),
  };
}

test("few values stand side by side, numbers too, and many words stay words", () => {
  expect(conditionsOf(metadata([1, 2]))).toEqual([
    { name: "1", m: ["lux=1"] },
    { name: "2", m: ["lux=2"] },
  ]);
  expect(conditionsOf(metadata(["a", "b", "c", "d", "e", "f", "g", "h"]))).toHaveLength(8);
});

test("many numbers stand side by side in ranges that leave none out and count none twice", () => {
  const values = Array.from({ length: 20 }, (_, i) => i * i);
  const parts = conditionsOf(metadata(values));
  expect(parts.map((one) => one.name)).toEqual(["below 90.3", "90.3 to 181", "181 to 271", "from 271"]);
  expect(parts.map((one) => one.m)).toEqual([
    ["lux<90.3"],
    ["lux>=90.3", "lux<181"],
    ["lux>=181", "lux<271"],
    ["lux>=271"],
  ]);
});

test("of moments in time the first digits are all the same: as many are said as tell the edges apart", () => {
  const parts = conditionsOf(metadata(Array.from({ length: 20 }, (_, i) => 1_700_000_000 + 10 * i)));
  expect(parts[0]).toEqual({ name: "below 1700000050", m: ["lux<1700000050"] });
});

test("a part is within what passes the filters; null where nothing can be", () => {
  const view = { split: ["test" as const], f: [], m: ["a=1"], roll: null };
  expect(together(view, { split: ["test", "train"], m: ["b=2"] })).toEqual({
    split: ["test"],
    f: [],
    m: ["a=1", "b=2"],
    roll: null,
  });
  expect(together(view, { split: ["train"] })).toBeNull();
  expect(together({ ...view, f: ["dog"] }, { f: ["cat"] })).toBeNull();
  expect(MOST).toBe(6);
});
