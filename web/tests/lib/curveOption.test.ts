import { expect, test } from "vitest";
import { contour, curveOption, extentOf, placeIn, pointIn, WHOLE } from "../../src/lib/curveOption";
import type { Line } from "../../src/lib/lines";

const line = (points: [number, number][]): Line => ({
  name: "svm",
  color: "run-a",
  points: points.map(([x, y], i) => ({ x, y, threshold: 1 - i / 10 })),
});

test("a contour has the same F1 everywhere, from precision 1 to recall 1", () => {
  for (const f1 of [0.2, 0.8]) {
    const points = contour(f1);
    for (const [recall, precision] of points)
      expect((2 * precision * recall) / (precision + recall)).toBeCloseTo(f1, 10);
    expect(points[0]?.[1]).toBeCloseTo(1, 10);
    expect(points.at(-1)?.[0]).toBeCloseTo(1, 10);
  }
});

test("what is shown of the plane holds every point, and is cut to tenths", () => {
  const curve = line([
    [0.05, 1],
    [0.6, 0.97],
    [0.93, 0.83],
  ]);
  expect(extentOf([curve])).toEqual({ x: [0, 1], y: [0.8, 1] });
  expect(
    extentOf([
      line([
        [0.2, 0.3],
        [0.3, 0.3],
      ]),
    ]),
  ).toEqual({ x: [0, 0.3], y: [0.2, 0.3] });
  expect(extentOf([line([[0.4, 1]])])).toEqual({ x: [0, 0.4], y: [0.9, 1] });
  expect(extentOf([line([])])).toEqual(WHOLE);
});

test("a place in what is shown is a point of the plane, and back", () => {
  const extent = { x: [0, 0.5] as [number, number], y: [0.8, 1] as [number, number] };
  expect(placeIn(extent, { x: 0.25, y: 0.9 })).toEqual({ x: 0.5, y: expect.closeTo(0.5) as number });
  expect(pointIn(extent, placeIn(extent, { x: 0.1, y: 0.85 }))).toEqual({
    x: expect.closeTo(0.1) as number,
    y: expect.closeTo(0.85) as number,
  });
});

test("a tooltip tells of each curve that is pointed at, and of nothing that only helps to read them", () => {
  const option = curveOption("pr", [line([[0.5, 1]])], null, (name) => name);
  const helper = option.series[0]?.name ?? "";
  const pointed = [
    { seriesName: helper, value: [0.5, 0.25] },
    { seriesName: "svm", value: [0.5, 1, 0.9] },
  ];
  expect(option.tooltip.formatter(pointed)).toBe("svm<br>precision 1.0000<br>recall 0.5000<br>confidence 0.9000");
  // Of many, one line each, and each with its colour.
  const many = ["svm", "mlp", "<b>"].map((seriesName) => ({ seriesName, marker: "o ", value: [0.5, 1, 0.9] }));
  expect(option.tooltip.formatter(many)).toBe(
    ["svm", "mlp", "&lt;b&gt;"]
      .map((name) => `o ${name}, precision 1.0000, recall 0.5000, confidence 0.9000`)
      .join("<br>"),
  );
});

test("a further run's line is broken, so that it needs no colour to be told from another", () => {
  const broken = { ...line([[0.5, 1]]), dash: [8, 4] };
  const option = curveOption("pr", [line([[0.5, 1]]), broken], null, (name) => name);
  const types = option.series.flatMap((one) => (one.name === "svm" && one.lineStyle ? [one.lineStyle.type] : []));
  expect(types).toEqual(["solid", [8, 4]]);
});
