import { expect, test } from "vitest";
import { isOfObjects, isRowMetric, namedMetrics, rangesOf, titleOf } from "../../src/lib/metrics";

test.each([
  ["f1", true, false],
  ["measure.oks", true, false],
  ["custom.effort", true, false],
  ["custom_object.certainty", false, true],
  ["iou", false, true],
  ["iou<0.6", false, true],
  ["iou.mean", false, false],
  ["toString", false, false],
])("%s is of rows: %s, of objects: %s", (name, ofRows, ofObjects) => {
  expect([isRowMetric(name), isOfObjects(name)]).toEqual([ofRows, ofObjects]);
});

test("conditions on one metric are said together", () => {
  expect(rangesOf(["f1>=0.2", "iou<0.85", "f1<0.4", "fp!=0"])).toEqual([
    { metric: "f1", parts: ["f1>=0.2", "f1<0.4"], words: "F1 ≥ 0.2, < 0.4" },
    { metric: "iou", parts: ["iou<0.85"], words: "IoU of matched pairs < 0.85" },
    { metric: "fp", parts: ["fp!=0"], words: "false positives ≠ 0" },
  ]);
});

test("metrics are called by what they are", () => {
  expect(["confidence", "measure.absolute_error", "custom_object.a_b", "tp"].map(titleOf)).toEqual([
    "confidence of predictions",
    "absolute error",
    "a b of predictions",
    "true positives",
  ]);
});

test("a custom metric of several features is offered once", () => {
  const custom = { metrics: [{ name: "x" }, { name: "x" }] } as Parameters<typeof namedMetrics>[1];
  expect(namedMetrics(undefined, custom).map((one) => one.name)).toEqual(["custom.x"]);
});
