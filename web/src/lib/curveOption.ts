import type { CURVES } from "../state/view";
import { isolated } from "./bidi";
import { axis, type Color, escaped, tooltip } from "./chart";
import { ratio } from "./format";
import { between, fromFirstFound, type Line, pointAt } from "./lines";

/** The name of what only helps to read the curves, and is not pointed at. */
const UNNAMED = "\0";

/** Of how many curves at most each figure has a line of its own where they are pointed at. */
const MOST_BLOCKS = 2;

/** A point that is pointed at. */
interface Pointed {
  seriesName: string;
  /** A dot of the curve's colour. */
  marker?: string;
  value: (number | null)[];
}

export type CurveKind = (typeof CURVES)[number];

/** How each curve is called, and what its axes are. */
export const CURVE_WORDS: Record<CurveKind, { tab: string; title: string; x: string; y: string }> = {
  pr: { tab: "PR", title: "Precision and recall", x: "recall", y: "precision" },
  f1: { tab: "F1", title: "F1 at every confidence", x: "confidence threshold", y: "F1" },
  roc: { tab: "ROC", title: "ROC of a question", x: "false positive rate", y: "true positive rate" },
  calibration: { tab: "Calibration", title: "Calibration", x: "mean confidence", y: "accuracy" },
};

/** The plot area's distance from the edges of the chart, in pixels. */
export const FRAME = { left: 46, right: 16, top: 14, bottom: 44 };

/** Where the present threshold is on a line. */
export function placeOf(kind: CurveKind, line: Line, threshold: number): { x: number; y: number } | undefined {
  const point = pointAt(line, threshold);
  if (!point) return undefined;
  if (kind === "f1") return { x: threshold, y: point.y };
  if (kind === "calibration") return { x: threshold, y: between(line, threshold) ?? point.y };
  return point;
}

/** What part of the plane is shown. */
export interface Extent {
  x: [number, number];
  y: [number, number];
}

export const WHOLE: Extent = { x: [0, 1], y: [0, 1] };

/** As much of the plane as holds the lines, to the next tenth: what is nearly perfect is all in one corner of the whole. */
export function extentOf(lines: Line[]): Extent {
  const points = lines.flatMap((line) => fromFirstFound(line.points));
  if (points.length === 0) return WHOLE;
  const around = (values: number[]): [number, number] => {
    const low = Math.floor(10 * values.reduce((a, b) => Math.min(a, b), 1) + 1e-9) / 10;
    const high = Math.ceil(10 * values.reduce((a, b) => Math.max(a, b), 0) - 1e-9) / 10;
    return low < high ? [low, high] : low > 0 ? [Number((low - 0.1).toFixed(1)), low] : [0, 0.1];
  };
  // Recall begins at 0, or a curve would seem to begin where it is cut off.
  return { x: [0, around(points.map(({ x }) => x))[1]], y: around(points.map(({ y }) => y)) };
}

/** Where a point of the plane is in what is shown, as shares of its width and height. */
export function placeIn({ x, y }: Extent, at: { x: number; y: number }): { x: number; y: number } {
  return { x: (at.x - x[0]) / (x[1] - x[0]), y: (at.y - y[0]) / (y[1] - y[0]) };
}

/** The point of the plane at a place in what is shown. */
export function pointIn({ x, y }: Extent, at: { x: number; y: number }): { x: number; y: number } {
  return { x: x[0] + at.x * (x[1] - x[0]), y: y[0] + at.y * (y[1] - y[0]) };
}

const CONTOURS = [0.2, 0.4, 0.6, 0.8, 0.9];
const STEPS = 60;

/** Where F1 is the same, from precision 1 down to recall 1: precision = F1 recall / (2 recall − F1). */
export function contour(f1: number): [number, number][] {
  const from = f1 / (2 - f1);
  return Array.from({ length: STEPS + 1 }, (_, i) => {
    const recall = from + ((1 - from) * i) / STEPS;
    return [recall, (f1 * recall) / (2 * recall - f1)];
  });
}

/** What ECharts is to draw: the lines, and on all but the first a dot where the threshold is. */
export function curveOption(kind: CurveKind, lines: Line[], threshold: number | null, color: Color, extent = WHOLE) {
  const words = CURVE_WORDS[kind];
  const [, ...others] = lines;
  const dots = others.flatMap((line) => {
    const at = threshold === null ? undefined : placeOf(kind, line, threshold);
    return at ? [{ value: [at.x, at.y], itemStyle: { color: color(line.color) } }] : [];
  });
  const diagonal = kind === "roc" || kind === "calibration";
  return {
    grid: FRAME,
    tooltip: {
      // A curve is too thin to be hit: what is said is of its nearest point.
      trigger: "axis",
      axisPointer: { type: "line", snap: true },
      confine: true,
      ...tooltip(color),
      formatter: (pointed: Pointed | Pointed[]) => {
        const named = [pointed].flat().filter(({ seriesName }) => seriesName !== UNNAMED);
        // Of many curves a block of lines each would cover the chart.
        const between = named.length > MOST_BLOCKS ? ", " : "<br>";
        return named
          .map(({ seriesName, marker = "", value }) =>
            [
              `${named.length > 1 ? marker : ""}${isolated(escaped(seriesName))}`,
              `${words.y} ${ratio(value[1])}`,
              `${words.x} ${ratio(value[0])}`,
              ...(kind === "pr" || kind === "roc"
                ? [`confidence ${value[2] === null ? "above all" : ratio(value[2])}`]
                : []),
            ].join(between),
          )
          .join(named.length > MOST_BLOCKS ? "<br>" : "<br><br>");
      },
    },
    xAxis: axis(words.x, color, { min: extent.x[0], max: extent.x[1] }),
    yAxis: axis(words.y, color, { min: extent.y[0], max: extent.y[1], nameGap: 32 }),
    series: [
      ...(kind === "pr" ? CONTOURS : []).map((f1) => ({
        type: "line",
        name: UNNAMED,
        data: contour(f1),
        symbol: "none",
        silent: true,
        z: 1,
        lineStyle: { width: 1, type: "dotted", color: color("muted"), opacity: 0.7 },
        endLabel: {
          show: true,
          formatter: `F1 ${f1}`,
          color: color("muted"),
          fontSize: 12,
          align: "right",
          verticalAlign: "bottom",
          offset: [0, -8],
        },
      })),
      ...lines.map((line) => ({
        type: "line",
        name: line.name,
        data: (kind === "pr" ? fromFirstFound(line.points) : line.points).map(({ x, y, threshold: own }) => [
          x,
          y,
          own,
        ]),
        symbol: "circle",
        symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) => line.sizes?.[dataIndex] ?? 5,
        showSymbol: line.sizes !== undefined || line.points.length < 40,
        lineStyle: { width: 2, color: color(line.color), type: line.dash ? [...line.dash] : "solid" },
        itemStyle: { color: color(line.color) },
        // What lies outside of what is shown is not drawn over the axes.
        clip: true,
      })),
      { type: "scatter", name: UNNAMED, data: dots, symbolSize: 11, z: 5, silent: true },
      ...(diagonal
        ? [
            {
              type: "line",
              name: UNNAMED,
              data: [
                [0, 0],
                [1, 1],
              ],
              symbol: "none",
              silent: true,
              z: 1,
              lineStyle: { width: 1, type: "dashed", color: color("muted") },
            },
          ]
        : []),
    ],
  };
}
