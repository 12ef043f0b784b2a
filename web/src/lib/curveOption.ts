import type { CURVES } from "../state/view";
import { isolated } from "./bidi";
import { axis, type Color, escaped, tooltip } from "./chart";
import { ratio } from "./format";
import { between, fromFirstFound, type Line, pointAt } from "./lines";

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

/** What ECharts is to draw: the lines, and on all but the first a dot where the threshold is. */
export function curveOption(kind: CurveKind, lines: Line[], threshold: number | null, color: Color) {
  const words = CURVE_WORDS[kind];
  const [, ...others] = lines;
  const dots = others.flatMap((line) => {
    const at = threshold === null ? undefined : placeOf(kind, line, threshold);
    return at ? [{ value: [at.x, at.y], itemStyle: { color: color(line.color) } }] : [];
  });
  const diagonal = kind === "roc" || kind === "calibration";
  return {
    color: lines.map((line) => color(line.color)),
    grid: FRAME,
    tooltip: {
      trigger: "item",
      ...tooltip(color),
      formatter: ({ seriesName, value }: { seriesName: string; value: (number | null)[] }) =>
        [
          isolated(escaped(seriesName)),
          `${words.y} ${ratio(value[1])}`,
          `${words.x} ${ratio(value[0])}`,
          ...(kind === "pr" || kind === "roc"
            ? [`confidence ${value[2] === null ? "above all" : ratio(value[2])}`]
            : []),
        ].join("<br>"),
    },
    xAxis: axis(words.x, color, { min: 0, max: 1 }),
    yAxis: axis(words.y, color, { min: 0, max: 1, nameGap: 32 }),
    series: [
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
        lineStyle: { width: 2 },
      })),
      { type: "scatter", data: dots, symbolSize: 11, z: 5, silent: true },
      ...(diagonal
        ? [
            {
              type: "line",
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
