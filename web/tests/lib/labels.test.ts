import { expect, test } from "vitest";
import { placeLabels } from "../../src/lib/labels";
import type { Box } from "../../src/lib/shape";

const FRAME: Box = [0, 0, 320, 240];
const LINE = 16;
const lengthOf = (words: string) => 8 * words.length;

/** Numbers as if by chance, and the same each time. */
function* chance(seed: number) {
  for (let x = seed; ; x = (x * 16807) % 2147483647) yield x / 2147483647;
}

test.each([1, 2, 3, 4, 5])("no label covers another, and all are within the picture (%i)", (seed) => {
  const drawn = chance(seed * 7919);
  const next = () => drawn.next().value ?? 0;
  const wanted = Array.from({ length: 30 }, (_, i) => ({
    key: String(i),
    words: "x".repeat(2 + (i % 9)),
    place: [next() * 300, next() * 220, 10 + next() * 60, 10 + next() * 60] as Box,
  }));
  const placed = placeLabels(wanted, FRAME, 1, lengthOf);
  const named = wanted.flatMap(({ key, words }) => {
    const at = placed.get(key);
    return at?.named ? [[at.x, at.y, lengthOf(words), LINE] as const] : [];
  });
  expect(placed.size).toBe(30);
  expect(named.length).toBeGreaterThan(5);
  for (const [x, y, w, h] of named) expect(x >= 0 && x + w <= 320 && y >= 0 && y + h <= 240).toBe(true);
  named.forEach(([x, y, w, h], i) => {
    for (const [left, top, wide, high] of named.slice(i + 1))
      expect(x + w <= left || left + wide <= x || y + h <= top || top + high <= y).toBe(true);
  });
});

test("what is out of the picture has no label, and the first one has the better place", () => {
  const place: Box = [100, 100, 50, 50];
  const one = { key: "1", words: "one", place };
  const placed = placeLabels(
    [one, { ...one, key: "2" }, { ...one, key: "3", place: [400, 0, 9, 9] }],
    FRAME,
    1,
    lengthOf,
  );
  expect(placed.get("1")).toEqual({ x: 100, y: 84, named: true });
  expect(placed.get("2")).toMatchObject({ named: true, y: 84 });
  expect(placed.has("3")).toBe(false);
});
