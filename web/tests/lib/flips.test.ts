import { expect, test } from "vitest";
import { cut, explained } from "../../src/lib/flips";
import { made } from "../made";

test("thresholds are cut and not rounded: what is said to hold up to them does hold there", () => {
  expect([0.98769, 0.5, 0.00009].map(cut)).toEqual(["0.9876", "0.5", "0"]);
});

test("a correct pair holds up to its own overlap and its own confidence", () => {
  const annotation = made({ id: "a", outcome: "tp", matched: "1" });
  const prediction = made({
    outcome: "tp",
    confidence: 0.9,
    iou: 0.81239,
    // Where a rule asks for more than the threshold, it is stored as the next smaller number.
    matched_iou: [null, 0.81239 - Number.EPSILON / 2],
    matched_confidence: [null, 0.9],
  });
  expect(explained({ annotation, prediction })).toEqual([
    "Correct up to its own IoU, 0.8124; above, a false positive and a missed one.",
    "Correct up to its own confidence, 0.9000; above, dog is missed.",
  ]);
});

test("where another one comes between, it is said from where on", () => {
  const annotation = made({ id: "a", outcome: "fn" });
  const prediction = made({
    outcome: "fp",
    label: "cat",
    cause: "wrong class",
    iou: 0.7,
    confidence: 0.9,
    matched_iou: [0.25, 0.65],
    matched_confidence: [0.4, null],
  });
  expect(explained({ annotation, prediction })).toEqual([
    "Wrong class: in the right place, but taken for another class.",
    "Taken for cat up to IoU 0.65; above, a false alarm and a missed one.",
    "At IoU 0.25 and below, it is matched otherwise.",
    "At confidence 0.4 and below, another prediction comes between.",
  ]);
});

test("what is alone, ignored, or has no overlap is said to be so", () => {
  expect(explained({ annotation: null, prediction: made({ outcome: "fp", confidence: 0.3 }) })).toEqual([
    "At these thresholds no annotation is matched to it.",
    "A false positive up to its own confidence, 0.3000; above, it does not count.",
  ]);
  expect(explained({ annotation: made({ outcome: "fn", cause: "missed" }), prediction: null })).toEqual([
    "Missed: no prediction comes near it.",
    "At these thresholds no prediction is matched to it.",
  ]);
  const answer = { type: "radio", label: "weather=rain", feature: "weather" };
  expect(
    explained({ annotation: made({ ...answer, outcome: "tp" }), prediction: made({ ...answer, outcome: "tp" }) }),
  ).toEqual(["No IoU threshold applies to it."]);
  expect(explained({ annotation: made({ outcome: "ignored" }), prediction: null })).toEqual([
    "To this policy it is neither correct nor incorrect.",
  ]);
});
