import { useQueries } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { asking, useQuestion } from "../../api/ask";
import { useDatasets } from "../../api/datasets";
import { useHeadline } from "../../api/headline";
import { useBasis } from "../../api/shared";
import type { Distribution } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import type { Color } from "../../lib/chart";
import { count, ratio, short } from "../../lib/format";
import { histogramOption, type Series } from "../../lib/histogramOption";
import { isOfObjects, type Metric, ROW_METRICS, titleOf, usualMetric } from "../../lib/metrics";
import { narrowed, rounded } from "../../lib/narrowing";
import { useMetricNames } from "../../lib/useMetricNames";
import { useSides } from "../../lib/useSides";
import { Chart } from "../shared/Chart";
import styles from "./Distribution.module.css";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";

const BINS = 20;

/** A histogram of anything that is known of objects or of data rows. A range of it narrows what is looked at. */
export function Histogram({ subject, versus, view, setView }: PartProps) {
  const headline = useHeadline(subject, view);
  const metric = view.hist ?? usualMetric(headline);
  const { partings, sides, some } = useSides(subject, view, view.by);
  const parted = sides.length > 0;
  // Parts of one run have nobody beside them.
  const of = useBasis(subject, parted ? null : versus, view);
  const basis = { ...of?.own, metric, bins: BINS };
  const own = useQuestion("distribution", of && (view.hist !== null || headline) ? subject : null, basis);
  const shown = own.data?.metric === metric ? own.data : undefined;
  // All that stands side by side has the same bins.
  const bins = { ...basis, low: shown?.edges[0] ?? null, high: shown?.edges.at(-1) ?? null };
  const ready = shown && shown.total > 0;
  const compared = of?.theirs ? versus : null;
  const other = useQuestion("distribution", ready ? compared : null, { ...bins, ...of?.theirs });
  const parts = useQueries({
    queries: sides.map(({ filter }) => asking("distribution", ready ? subject : null, { ...bins, ...filter })),
    combine: answered,
  });
  const series = useMemo<Series[]>(
    () =>
      parted
        ? sides.map(({ name }, i) => ({ name, data: parts[i] }))
        : [
            { name: subject?.run ?? "", data: shown },
            ...(compared ? [{ name: compared.run, data: other.data?.metric === metric ? other.data : undefined }] : []),
          ],
    [parted, sides, parts, subject, compared, shown, other.data, metric],
  );
  const edges = useMemo(() => rounded(shown?.edges ?? []), [shown]);
  const narrow = useCallback(
    (low: number, high: number, upTo: "<" | "<=") => setView(narrowed(view, metric, low, high, upTo)),
    [metric, setView, view],
  );
  const brushed = useCallback(
    ([from, to]: [number, number]) => {
      // A range begins and ends where a bar does: what is brushed is what the bars count.
      const low = edges.findLast((edge) => edge <= from) ?? edges[0];
      const high = edges.find((edge) => edge >= to) ?? edges.at(-1);
      // The last bar alone holds its right edge.
      if (low !== undefined && high !== undefined && low < high) narrow(low, high, high === edges.at(-1) ? "<=" : "<");
    },
    [edges, narrow],
  );
  const option = useCallback(
    (color: Color) => histogramOption(metric, series, edges, parted, color),
    [metric, series, edges, parted],
  );
  const title = titleOf(metric);
  return (
    <>
      <div className={styles.tools}>
        <MetricChoice subject={subject} metric={metric} view={view} setView={setView} />
        <select
          className={`control ${styles.by}`}
          aria-label="Side by side"
          value={view.by ?? ""}
          onChange={(event) => setView({ by: event.target.value || null })}
        >
          <option value="">all together</option>
          {view.by !== null && !partings.some((one) => one.by === view.by) && (
            <option value={view.by}>by {isolated(view.by)}: nothing here</option>
          )}
          {partings.map(({ by, words }) => (
            <option key={by} value={by}>
              {words}
            </option>
          ))}
        </select>
        {some !== null && (
          <span className={`muted ${styles.some}`} data-figure="sides">
            {some}
          </span>
        )}
      </div>
      {own.isPending || (own.isPlaceholderData && !shown) ? (
        <div className={styles.place}>
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
          <Chart option={option} height={284} label={`Histogram: ${title}`} onBrush={brushed} />
          <Numbers series={series} edges={edges} title={title} />
          <div className={styles.foot}>
            <p className="muted number" data-figure="distribution-summary">
              {count(shown.total)} values, mean {meanOf(shown)}
              {shown.undefined > 0 && `; not defined for ${count(shown.undefined)} rows`}
            </p>
            <Range
              key={metric}
              what={isOfObjects(metric) ? "objects" : "rows"}
              low={edges[0] ?? 0}
              high={edges.at(-1) ?? 1}
              narrow={(low, high) => narrow(low, high, "<=")}
            />
          </div>
        </>
      )}
    </>
  );
}

/** As one and the same function, so that the list is new only where an answer is. */
function answered<T>(answers: { data: T }[]): T[] {
  return answers.map((answer) => answer.data);
}

function meanOf({ mean }: Distribution): string {
  return mean === null || Math.abs(mean) <= 1 ? ratio(mean) : short(mean);
}

function MetricChoice({ subject, metric, view, setView }: Omit<PartProps, "versus"> & { metric: string }) {
  const { ofRows, ofObjects } = useMetricNames(subject, view);
  const keys = useDatasets().data?.find((one) => one.dataset === subject?.dataset)?.metadata ?? [];
  const metrics: Metric[] = [
    ...["iou", "confidence"].map((name) => ({ name, title: titleOf(name), group: "Objects" })),
    ...Object.entries(ROW_METRICS).map(([name, title]) => ({ name, title: `${title} of a row`, group: "Data rows" })),
    ...ofRows,
    ...ofObjects,
    ...keys.map((key) => ({ name: `metadata.${key}`, title: isolated(key), group: "Metadata" })),
  ];
  const groups = [...new Set(metrics.map((one) => one.group))];
  const known = metrics.some((one) => one.name === metric);
  return (
    <select
      className={`control ${styles.metric}`}
      aria-label="What is counted"
      value={metric}
      onChange={(event) => setView({ hist: event.target.value })}
    >
      {!known && <option value={metric}>{titleOf(metric)}</option>}
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

interface RangeProps {
  what: "rows" | "objects";
  low: number;
  high: number;
  narrow: (low: number, high: number) => void;
}

/** The range in numbers: for those who know it, and for those without a pointer. */
function Range({ what, low, high, narrow }: RangeProps) {
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
        Filter {what}
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
              <bdi>{name}</bdi>
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
