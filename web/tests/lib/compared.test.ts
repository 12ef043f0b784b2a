import { expect, test } from "vitest";
import type { Said } from "../../src/api/schema";
import { basisOf, chance, totalOf, verdictOf } from "../../src/lib/compared";
import { made } from "../made";

test("what is rarer than one in twenty is unlikely by chance", () => {
  expect([0.0001, 0.049, 0.05].map(chance)).toEqual([
    "Unlikely by chance (p < 0.001).",
    "Unlikely by chance (p = 0.049).",
    "This may well be chance (p = 0.050).",
  ]);
});

test("a verdict says the other label, of a question the other answer", () => {
  const said = (verdict: Said["verdict"], own: string, other: string | null): Said => ({
    verdict,
    annotation: made({ label: own, feature: own.split("=")[0] ?? own }),
    prediction: other === null ? null : made({ label: other }),
  });
  expect(verdictOf(said("right", "dog", "dog"))).toBe("correct");
  expect(verdictOf(said("wrong", "dog", "cat"))).toBe("said cat");
  expect(verdictOf(said("wrong", "sky=blue", "sky=grey"))).toBe("said grey");
  expect(verdictOf(said("missed", "dog", null))).toBe("missed");
  expect(totalOf({ right: { both: 1, only_a: 2, only_b: 3, neither: 4 } })).toBe(10);
});

test("what differences are of is said, and why there are none", () => {
  expect(basisOf("a", "b", { rows: 1200, leftOut: 0 })).toBe("Differences to b are over the 1,200 data rows of both.");
  expect(basisOf("a", "b", { rows: 1, leftOut: 1 })).toBe(
    "Differences to b are over the one data row of both. 1 of a alone is left out of them.",
  );
  expect(basisOf("a", "b", { rows: 0, leftOut: 9 })).toBe(
    "a and b have no data row in common here: there is no difference to tell.",
  );
});
