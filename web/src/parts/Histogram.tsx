import { useQueries } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { asking, useQuestion } from "../api/ask";
import { useDatasets } from "../api/questions";
import type { Distribution } from "../api/schema";
import { count, ratio, short } from "../lib/format";
import { type Metric, namedMetrics, ROW_METRICS, titleOf } from "../lib/metrics";
import { filterOf, type SetView, type View } from "../state/view";
import { axis, Chart } from "./Chart";
import styles from "./Distribution.module.css";
import { Empty, Failed, Loading } from "./Message";
import type { PartProps } from "./props";

const BINS = 20;
/** Colours of series: Okabe and Ito's. */
const SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

interface Series {
  name: string;
  data: Distribution | undefined;
}

/** A histogram of anything that is known of objects or of data rows. A range of it narrows the rows. */
export function Histogram({ subject, versus, view, setView }: PartProps) {
  const metric = view.hist;
  const basis = { ...filterOf(view), metric, bins: BINS };
  const own = useQuestion("distribution", subject, basis);
  const shown = own.data?.metric === metric ? own.data : undefined;
  const splits = useSplits(subject?.dataset, view);
  const bySplit = view.by === "split" && splits.length > 1;
  // All that stands side by side has the same bins.
  const bins = { ...basis, low: shown?.edges[0] ?? null, high: shown?.edges.at(-1) ?? null };
  const ready = shown && shown.total > 0;
  const other = useQuestion("distribution", ready ? versus : null, bins);
  const parts = useQueries({
    queries: (bySplit ? splits : []).map((split) =>
      asking("distribution", ready ? subject : null, { ...bins, split: [split] }),
    ),
    combine: (answers) => answers.map((answer) => answer.data),
  });
  const series = useMemo<Series[]>(
    () =>
      bySplit
        ? splits.map((split, i) => ({ name: split, data: parts[i] }))
        : [
            { name: subject?.run ?? "", data: shown },
            ...(versus ? [{ name: versus.run, data: other.data?.metric === metric ? other.data : undefined }] : []),
          ],
    [bySplit, splits, parts, subject, versus, shown, other.data, metric],
  );
  const edges = shown?.edges;
  const filter = filterFor(metric);
  const narrow = useCallback(
    (low: number, high: number) => {
      if (filter) setView(filter(view, low, high));
    },
    [filter, setView, view],
  );
  const brushed = useCallback(
    ([from, to]: [number, number]) => {
      // A range begins and ends where a bar does: what is brushed is what the bars count.
      const low = edges?.findLast((edge) => edge <= from) ?? edges?.[0];
      const high = edges?.find((edge) => edge >= to) ?? edges?.at(-1);
      if (low !== undefined && high !== undefined && low < high) narrow(low, high);
    },
    [edges, narrow],
  );
  const option = useCallback(
    (color: (name: string) => string) => histogramOption(metric, series, edges ?? [], bySplit, filter !== null, color),
    [metric, series, edges, bySplit, filter],
  );
  const title = titleOf(metric);
  return (
    <>
      <div className={styles.tools}>
        <MetricChoice subject={subject} view={view} setView={setView} />
        {splits.length > 1 && (
          <button
            type="button"
            className="control"
            aria-pressed={bySplit}
            onClick={() => setView({ by: bySplit ? null : "split" })}
          >
            by split
          </button>
        )}
      </div>
      {own.isPending || (own.isPlaceholderData && !shown) ? (
        <div style={{ minHeight: 300 }}>
          <Loading what="distribution" />
        </div>
      ) : own.isError ? (
        <Failed error={own.error} again={() => void own.refetch()} />
      ) : !shown || shown.total === 0 ? (
        <Empty title="Nothing to count here.">
          {metric.startsWith("metadata.")
            ? "No data row has a number under this key."
            : "No value of this passes the filters and thresholds."}
        </Empty>
      ) : (
        <>
          <Chart option={option} height={284} label={`Histogram: ${title}`} onBrush={filter ? brushed : undefined} />
          <Numbers series={series} edges={shown.edges} title={title} />
          <div className={styles.foot}>
            <p className="muted number" data-figure="distribution-summary">
              {count(shown.total)} values, mean {meanOf(shown)}
              {shown.undefined > 0 && `; not defined for ${count(shown.undefined)} rows`}
            </p>
            {filter && <Range key={metric} low={shown.edges[0] ?? 0} high={shown.edges.at(-1) ?? 1} narrow={narrow} />}
          </div>
        </>
      )}
    </>
  );
}

function meanOf({ mean }: Distribution): string {
  return mean === null || Math.abs(mean) <= 1 ? ratio(mean) : short(mean);
}

/** What has to change in the view so that only rows with the metric in a range stay; null where nothing can be. */
function filterFor(metric: string): ((view: View, low: number, high: number) => Parameters<SetView>[0]) | null {
  // The last bin holds its right edge, and so do the rows of a range.
  if (metric.startsWith("metadata.")) {
    const key = metric.slice("metadata.".length);
    return (view, low, high) => ({ m: [...others(view.m, key), `${key}>=${low}`, `${key}<=${high}`] });
  }
  if (metric in ROW_METRICS || metric.startsWith("measure.") || metric.startsWith("custom."))
    return (view, low, high) => ({
      w: [...others(view.w, metric), `${metric}>=${low}`, `${metric}<=${high}`],
      // A metric of rows narrows rows.
      show: isAboutObjects(view) ? "rows" : null,
      row: null,
    });
  return null;
}

const others = (conditions: string[], name: string) =>
  conditions.filter((text) => !(text.startsWith(name) && /^[<>]/.test(text.slice(name.length))));

const isAboutObjects = (view: View) =>
  view.actual !== null || view.predicted !== null || view.outcome !== null || view.cause !== null;

function useSplits(dataset: string | undefined, view: View): View["split"] {
  const all = useDatasets().data?.find((one) => one.dataset === dataset)?.splits;
  const chosen = view.split.join("|");
  return useMemo(
    () =>
      (["train", "validation", "test"] as const).filter((one) =>
        (chosen ? chosen.split("|") : (all ?? [])).includes(one),
      ),
    [all, chosen],
  );
}

function MetricChoice({ subject, view, setView }: Omit<PartProps, "versus">) {
  const basis = { ...filterOf(view), confidence: 0 };
  const measures = useQuestion("measures", subject, basis);
  const custom = useQuestion("custom-metrics", subject, basis);
  const keys = useDatasets().data?.find((one) => one.dataset === subject?.dataset)?.metadata ?? [];
  const metrics: Metric[] = [
    ...["iou", "confidence"].map((name) => ({ name, title: titleOf(name), group: "Objects" })),
    ...Object.entries(ROW_METRICS).map(([name, title]) => ({ name, title: `${title} of a row`, group: "Data rows" })),
    ...namedMetrics(measures.data, custom.data),
    ...(custom.data?.metrics ?? [])
      .filter((one) => one.objects > 0)
      .map(({ name }) => ({ name: `custom_object.${name}`, title: `${name} of predictions`, group: "Custom metrics" })),
    ...keys.map((key) => ({ name: `metadata.${key}`, title: key, group: "Metadata" })),
  ];
  const groups = [...new Set(metrics.map((one) => one.group))];
  const known = metrics.some((one) => one.name === view.hist);
  return (
    <select
      className={`control ${styles.metric}`}
      aria-label="What is counted"
      value={view.hist}
      onChange={(event) => setView({ hist: event.target.value })}
    >
      {!known && <option value={view.hist}>{titleOf(view.hist)}</option>}
      {groups.map((group) => (
        <optgroup key={group} label={group}>
          {metrics
            .filter((one) => one.group === group)
            .map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
        </optgroup>
      ))}
    </select>
  );
}

/** The range in numbers: for those who know it, and for those without a pointer. */
function Range({ low, high, narrow }: { low: number; high: number; narrow: (low: number, high: number) => void }) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [least, most] = [from === "" ? low : Number(from), to === "" ? high : Number(to)];
  return (
    <form
      className={styles.range}
      title="Or drag over the bars"
      onSubmit={(event) => {
        event.preventDefault();
        if (least <= most) narrow(least, most);
      }}
    >
      <input
        className="control number"
        aria-label="From"
        inputMode="decimal"
        placeholder={short(low)}
        value={from}
        onChange={(event) => setFrom(event.target.value)}
      />
      <span className="muted">to</span>
      <input
        className="control number"
        aria-label="To"
        inputMode="decimal"
        placeholder={short(high)}
        value={to}
        onChange={(event) => setTo(event.target.value)}
      />
      <button type="submit" className="control" disabled={!(least <= most)}>
        Filter rows
      </button>
    </form>
  );
}

/** The same in numbers, for those who do not see the bars. */
function Numbers({ series, edges, title }: { series: Series[]; edges: number[]; title: string }) {
  return (
    <table className="visually-hidden" data-figure="histogram">
      <caption>Histogram: {title}</caption>
      <thead>
        <tr>
          <th scope="col">from</th>
          {series.map(({ name }) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {edges.slice(0, -1).map((edge, i) => (
          <tr key={edge}>
            <th scope="row">{short(edge)}</th>
            {series.map(({ name, data }) => (
              <td key={name}>{count(data?.counts[i])}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function histogramOption(
  metric: string,
  series: Series[],
  edges: number[],
  shares: boolean,
  brush: boolean,
  color: (name: string) => string,
) {
  const middle = (i: number) => ((edges[i] ?? 0) + (edges[i + 1] ?? 0)) / 2;
  return {
    color: SERIES,
    grid: { left: 52, right: 12, top: series.length > 1 ? 32 : 12, bottom: 44 },
    legend: { show: series.length > 1, top: 0, textStyle: { color: color("ink") }, icon: "roundRect" },
    // The brush brings a toolbox along, which nobody needs: dragging is enough.
    toolbox: { show: false },
    ...(brush && {
      brush: {
        xAxisIndex: 0,
        toolbox: [],
        brushStyle: { color: color("accent-soft"), borderColor: color("accent"), borderWidth: 1, opacity: 0.6 },
        outOfBrush: { colorAlpha: 1 },
      },
    }),
    tooltip: {
      trigger: "axis",
      confine: true,
      axisPointer: { type: "shadow" },
      backgroundColor: color("raised"),
      borderColor: color("line"),
      textStyle: { color: color("ink") },
      formatter: (points: { dataIndex: number; seriesName: string; marker: string; value: number[] }[]) => {
        const at = points[0]?.dataIndex ?? 0;
        const lines = points.map(({ marker, seriesIndex }: { marker: string; seriesIndex?: number }) => {
          const one = series[seriesIndex ?? 0];
          return `${marker} ${series.length > 1 ? `${escaped(one?.name ?? "")} ` : ""}${count(one?.data?.counts[at])}`;
        });
        return [`${short(edges[at] ?? 0)} to ${short(edges[at + 1] ?? 0)}`, ...lines].join("<br>");
      },
    },
    xAxis: axis(titleOf(metric), color, {
      min: edges[0],
      max: edges.at(-1),
      splitLine: { show: false },
      axisLabel: { color: color("muted"), fontSize: 11, hideOverlap: true, formatter: (value: number) => short(value) },
    }),
    // Splits differ in size: of each its own share tells more than how many.
    yAxis: axis(
      "",
      color,
      shares ? { axisLabel: { formatter: "{value}%", color: color("muted"), fontSize: 11 } } : { minInterval: 1 },
    ),
    series: series.map(({ name, data }) => ({
      type: "bar",
      name,
      data: (data?.counts ?? []).map((value, i) => [
        middle(i),
        shares ? (100 * value) / Math.max(1, data?.total ?? 1) : value,
      ]),
      barCategoryGap: "8%",
      barGap: "0%",
    })),
  };
}

function escaped(text: string): string {
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML;
}
