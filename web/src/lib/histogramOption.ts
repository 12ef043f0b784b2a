import type { Distribution } from "../api/schema";
import { isolated } from "./bidi";
import { axis, type Color, escaped, PARTS, RUNS, tooltip } from "./chart";
import { count, short } from "./format";
import { titleOf } from "./metrics";

export interface Series {
  name: string;
  data: Distribution | undefined;
}

/** More bars beside each other in one bin would be too thin to compare: then the outlines are drawn. */
const MOST_BARS = 3;

/** What ECharts is to draw: a bar for each bin, and for each series. */
export function histogramOption(metric: string, series: Series[], edges: number[], shares: boolean, color: Color) {
  const middle = (i: number) => ((edges[i] ?? 0) + (edges[i + 1] ?? 0)) / 2;
  return {
    color: (shares ? PARTS : RUNS).map(color),
    grid: { left: 52, right: 12, top: series.length > 1 ? 32 : 12, bottom: 44 },
    legend: {
      type: "scroll",
      show: series.length > 1,
      top: 0,
      pageTextStyle: { color: color("muted") },
      textStyle: { color: color("ink") },
      icon: "roundRect",
    },
    // The brush brings a toolbox along, which nobody needs: dragging is enough.
    toolbox: { show: false },
    brush: {
      xAxisIndex: 0,
      toolbox: [],
      brushStyle: { color: color("accent-soft"), borderColor: color("accent"), borderWidth: 1, opacity: 0.6 },
      outOfBrush: { colorAlpha: 1 },
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      axisPointer: { type: "shadow" },
      ...tooltip(color),
      formatter: (points: { dataIndex: number; seriesName: string; marker: string; value: number[] }[]) => {
        const at = points[0]?.dataIndex ?? 0;
        const lines = points.map(({ marker, seriesIndex }: { marker: string; seriesIndex?: number }) => {
          const one = series[seriesIndex ?? 0];
          return `${marker} ${series.length > 1 ? `${isolated(escaped(one?.name ?? ""))} ` : ""}${count(one?.data?.counts[at])}`;
        });
        return [`${short(edges[at] ?? 0)} to ${short(edges[at + 1] ?? 0)}`, ...lines].join("<br>");
      },
    },
    xAxis: axis(titleOf(metric), color, {
      min: edges[0],
      max: edges.at(-1),
      splitLine: { show: false },
      axisLabel: { color: color("muted"), fontSize: 12, hideOverlap: true, formatter: (value: number) => short(value) },
    }),
    // Parts differ in size: of each its own share tells more than how many.
    yAxis: axis(
      "",
      color,
      shares ? { axisLabel: { formatter: "{value}%", color: color("muted"), fontSize: 12 } } : { minInterval: 1 },
    ),
    series: series.map(({ name, data }) => ({
      ...(series.length > MOST_BARS
        ? { type: "line", step: "middle", symbol: "none" }
        : { type: "bar", barCategoryGap: "8%", barGap: "0%" }),
      name,
      data: (data?.counts ?? []).map((value, i) => [
        middle(i),
        shares ? (100 * value) / Math.max(1, data?.total ?? 1) : value,
      ]),
    })),
  };
}
