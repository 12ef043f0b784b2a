import { expect, test } from "vitest";
import { barsOf, ofBar, scaleOf } from "../../src/lib/outcomesByConfidence";

const bin = (low: number, high: number, count: number, correct: number) => ({
  low,
  high,
  count,
  correct,
  mean_confidence: null,
  accuracy: null,
});

test("what is not correct of a bin is a false positive", () => {
  expect(barsOf([bin(0, 0.5, 7, 3)])).toEqual([{ low: 0, high: 0.5, tp: 3, fp: 4 }]);
});

test("one prediction is as high on both sides, and no side is too low to be hit", () => {
  for (const bars of [barsOf([bin(0, 1, 30, 20)]), barsOf([bin(0, 1, 1000, 999)]), barsOf([bin(0, 1, 5, 0)])]) {
    const { tp, fp } = scaleOf(bars);
    expect(tp.side + fp.side).toBeCloseTo(1);
    expect(tp.side * tp.each).toBeCloseTo(fp.side * fp.each);
    expect(Math.min(tp.side, fp.side)).toBeGreaterThan(0.19);
    for (const bar of bars) {
      expect(bar.tp * tp.each).toBeLessThanOrEqual(1 + 1e-9);
      expect(bar.fp * fp.each).toBeLessThanOrEqual(1 + 1e-9);
    }
  }
});

test("a bar opens its predictions, lets in what it counts, and is taken back", () => {
  const view = { c: 0.5, p: "coco" as const, counted: null, w: [] };
  const [first, last] = [
    { low: 0, high: 0.5, tp: 1, fp: 1 },
    { low: 0.5, high: 1, tp: 1, fp: 1 },
  ];
  expect(ofBar(view, first, true, "fp").change).toMatchObject({
    c: 0,
    counted: "fp",
    w: ["confidence>=0", "confidence<=0.5"],
  });
  const { change } = ofBar(view, last, false, "tp");
  expect(change).toMatchObject({ c: 0.5, counted: "tp", w: ["confidence>0.5", "confidence<=1"] });
  expect(ofBar({ ...view, p: "iou-greedy" }, last, false, "tp").change).toMatchObject({ c: 0 });
  const again = ofBar({ ...view, counted: "tp", w: ["confidence>0.5", "confidence<=1"] }, last, false, "tp");
  expect(again.isChosen).toBe(true);
  expect(again.change).toMatchObject({ counted: null, w: null });
  expect(again.change).not.toHaveProperty("c");
});
