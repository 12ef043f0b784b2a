import { expect, test } from "vitest";
import { piecesOf } from "../../src/lib/passage";
import { made } from "../made";

const span = (id: string, from: number, to: number) => ({
  side: "prediction" as const,
  object: made({ id, type: "span", geometry: [from, to] }),
});

test("offsets count code points: behind a character that JavaScript counts twice they would be one off", () => {
  const { pieces } = piecesOf("💶 owed to Ada", [span("1", 10, 13)]);
  expect(pieces.map((one) => one.words)).toEqual(["💶 owed to ", "Ada"]);
  expect(pieces.map((one) => one.here.length)).toEqual([0, 1]);
});

test("where spans overlap, a piece lies in both", () => {
  const { pieces } = piecesOf("abcdefgh", [span("1", 1, 5), span("2", 3, 7)]);
  expect(pieces.map((one) => [one.words, one.here.map(({ object }) => object.id).join()])).toEqual([
    ["a", ""],
    ["bc", "1"],
    ["de", "1,2"],
    ["fg", "2"],
    ["h", ""],
  ]);
});

test("an excerpt is what is around the spans that it is about", () => {
  const text = "x".repeat(400);
  const { from, to, length } = piecesOf(text, [span("1", 100, 110), span("2", 300, 310)], ["prediction 1"]);
  expect([from, to, length]).toEqual([60, 230, 400]);
  expect(piecesOf(text, [], ["prediction 9"]).to).toBe(400);
});
