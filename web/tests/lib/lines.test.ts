import { expect, test } from "vitest";
import type { Curve } from "../../src/api/schema";
import { curveOption, placeOf } from "../../src/lib/curveOption";
import { between, fromFirstFound, type Line, lineOf, lineOfCalibration, nearest, pointAt } from "../../src/lib/lines";

const CURVE = {
  label: null,
  confidence: [0.9, 0.6, 0.3],
  precision: [0, 0.5, 0.6],
  recall: [0, 0.2, 0.8],
  f1: [0, 0.3, 0.7],
} as Curve;
const PR = lineOf("svm", "run-a", CURVE, "pr");

test("a point for each confidence, but none where recall is not defined", () => {
  expect(PR.points[1]).toEqual({ x: 0.2, y: 0.5, threshold: 0.6 });
  expect(lineOf("", "", CURVE, "f1").points[2]).toEqual({ x: 0.3, y: 0.7, threshold: 0.3 });
  expect(lineOf("", "", { ...CURVE, recall: [null, null, null] }, "pr").points).toEqual([]);
});

test("a curve is drawn from the first true positive on, if there is one", () => {
  expect(fromFirstFound(PR.points)).toHaveLength(2);
  expect(fromFirstFound([{ x: 0 }])).toHaveLength(1);
});

test("a threshold lies at the last point that it lets in, and above all at the first", () => {
  expect([0.95, 0.9, 0.7, 0.6, 0].map((at) => pointAt(PR, at)?.threshold)).toEqual([0.9, 0.9, 0.9, 0.6, 0.3]);
  expect(pointAt({ ...PR, points: [] }, 0.5)).toBeUndefined();
});

test("between two points lines are straight, and beyond them level", () => {
  const line = lineOf("", "", CURVE, "f1");
  expect(between(line, 0.45)).toBeCloseTo(0.5);
  expect([between(line, 1), between(line, 0)]).toEqual([0, 0.7]);
  expect(placeOf("calibration", line, 0.45)?.y).toBeCloseTo(0.5);
});

test("the nearest point is so on the screen", () => {
  expect(nearest(PR, 0.3, 0.1, 1000, 1)).toBe(0.6);
  expect(nearest(PR, 0.3, 0.1, 1, 1000)).toBe(0.9);
});

test("bins without predictions are left out, and a point is as large as its bin", () => {
  const bins = [
    { count: 0, mean_confidence: null, accuracy: null },
    { count: 4, mean_confidence: 0.3, accuracy: 0.25 },
    { count: 16, mean_confidence: 0.8, accuracy: 0.9 },
  ];
  const line = lineOfCalibration("", "", { bins } as Parameters<typeof lineOfCalibration>[2]);
  expect(line.points.map((one) => one.threshold)).toEqual([0.8, 0.3]);
  expect(line.sizes).toEqual([16, 10.5]);
});

test("a tooltip says both axes and the confidence, and lets no name be HTML", () => {
  const said = (kind: "pr" | "calibration", value: (number | null)[]) => {
    const line: Line = { ...PR, name: "<b>" };
    return curveOption(kind, [line], 0.5, (name) => name).tooltip.formatter({ seriesName: line.name, value });
  };
  expect(said("pr", [0.2, 0.5, 0.6])).toBe("&lt;b&gt;<br>precision 0.5000<br>recall 0.2000<br>confidence 0.6000");
  expect(said("pr", [0, 1, null])).toContain("confidence above all");
  expect(said("calibration", [0.2, 0.5, 0.6])).not.toContain("confidence 0.6");
});
