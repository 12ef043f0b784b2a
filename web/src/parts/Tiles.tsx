import { memo } from "react";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { asking, useQuestion } from "../api/ask";
import type { AveragePrecision, Interval, Intervals, Summary } from "../api/schema";
import { count, ratio, signed } from "../lib/format";
import { useRested } from "../lib/useRested";
import { useSettled } from "../lib/useSettled";
import { filterOf } from "../state/view";
import { Hint } from "./Hint";
import { Failed } from "./Message";
import type { PartProps } from "./props";
import styles from "./Tiles.module.css";

/** How long a view stands still before intervals are asked for: they take the longest, and nothing waits for them. */
const PATIENCE = 350;

/** What is known of how sure the figures are. */
type Sure = Pick<UseQueryResult<Intervals>, "data" | "error">;

interface Tile {
  name: string;
  meaning: string;
  value: number | null | undefined;
  other: number | null | undefined;
  /** The figure's name in answers. */
  figure: string;
  /** Why it is n/a. */
  why?: string | undefined;
  /** Of a count: what it is part of. */
  part?: string | undefined;
  fewerIsBetter?: boolean;
  neither?: boolean;
}

export const Tiles = memo(function Tiles({ subject, versus, view }: PartProps) {
  const filter = filterOf(view);
  const overview = useQuestion("overview", subject, filter);
  const average = useQuestion("average-precision", subject, filter);
  const otherOverview = useQuestion("overview", versus, filter);
  const otherAverage = useQuestion("average-precision", versus, filter);
  const still = useSettled(useRested(view), PATIENCE);
  const answered = !overview.isFetching && !average.isFetching;
  // Those of the last view would be wrong here: until the new ones are there, there are none.
  const intervals = useQuery({
    ...asking("intervals", subject, {
      ...filterOf(still),
      group: ["counts", "average_precision"],
      ...(versus && { versus: versus.run }),
    }),
    enabled: subject !== null && still === view && answered,
  });
  if (overview.isError) return <Failed error={overview.error} again={() => void overview.refetch()} />;
  const summary = overview.data?.summary;
  const sure: Sure | undefined = still === view ? intervals : undefined;
  const answersOf = (figure: string) => {
    const [own, theirs] = figure === "ap" ? [average, otherAverage] : [overview, otherOverview];
    return versus ? [own, theirs] : [own];
  };
  const tiles = tilesOf(
    summary,
    average.data,
    versus ? otherOverview.data?.summary : undefined,
    versus ? otherAverage.data : undefined,
  );
  const notes = [...new Set([...(summary?.notes ?? []), ...(sure?.data?.notes ?? [])])];
  return (
    <section aria-label="Headline figures" aria-busy={overview.isFetching}>
      <div className={styles.tiles}>
        {tiles.map((tile) => (
          <TileView
            key={tile.name}
            tile={tile}
            waiting={!(summary && (tile.figure !== "ap" || average.data))}
            failed={tile.figure === "ap" ? average.error?.message : undefined}
            stale={answersOf(tile.figure).some((one) => one.isPlaceholderData)}
            sure={sure}
            versus={versus?.run ?? null}
          />
        ))}
      </div>
      {notes.length > 0 && (
        <p className={styles.notes} data-figure="notes">
          {notes.join(" ")}
        </p>
      )}
    </section>
  );
});

function tilesOf(
  own: Summary | undefined,
  ap: AveragePrecision | undefined,
  their: Summary | undefined,
  theirAp: AveragePrecision | undefined,
): Tile[] {
  const score = (name: string, meaning: string, figure: "precision" | "recall" | "f1" | "mean_iou"): Tile => ({
    name,
    meaning,
    figure,
    value: own?.[figure],
    other: their?.[figure],
    why: own?.undefined[figure],
  });
  const whole = (
    name: string,
    meaning: string,
    figure: "tp" | "fp" | "fn" | "rows",
    part: string,
    more: Pick<Tile, "fewerIsBetter" | "neither"> = {},
  ): Tile => ({ name, meaning, figure, value: own?.[figure], other: their?.[figure], part: own && part, ...more });
  const annotations = `of ${count(own?.annotations)}`;
  return [
    score("Precision", "The share of the predictions that are correct.", "precision"),
    score("Recall", "The share of the annotations that are found.", "recall"),
    score("F1", "The harmonic mean of precision and recall.", "f1"),
    {
      name: "mAP",
      meaning: "Average precision, the mean over classes and IoU thresholds .50, .55 … .95.",
      figure: "ap",
      value: ap?.ap,
      other: theirAp?.ap,
      why: ap?.undefined.ap,
    },
    score("Mean IoU", "The mean overlap of the true positives.", "mean_iou"),
    whole(
      "TP",
      "True positives, of all annotations: those that a prediction of their own class is matched to.",
      "tp",
      annotations,
    ),
    whole(
      "FP",
      "False positives, of all predictions: those that match nothing, or another class.",
      "fp",
      `of ${count(own?.predictions)}`,
      { fewerIsBetter: true },
    ),
    whole(
      "FN",
      "False negatives, of all annotations: those not found, or taken for another class.",
      "fn",
      annotations,
      {
        fewerIsBetter: true,
      },
    ),
    whole("Rows", "Data rows of the run that pass the filters.", "rows", "", { neither: true }),
  ];
}

interface TileProps {
  tile: Tile;
  waiting: boolean;
  failed: string | undefined;
  /** The last view's figure, until the present one's is there: nobody shall take the one for the other. */
  stale: boolean;
  sure: Sure | undefined;
  versus: string | null;
}

function TileView({ tile, waiting, failed, stale, sure, versus }: TileProps) {
  const { name, value, part, figure } = tile;
  const isCount = part !== undefined;
  const na = !waiting && (value === null || value === undefined);
  const interval = sure?.data?.figures.find((one) => one.figure === figure);
  const shown = isCount ? (bound: number) => count(Math.round(bound)) : ratio;
  const unsure = na || figure === "rows" ? undefined : whyUnsure(interval, sure, figure);
  const hint = (
    <>
      <strong>{tile.meaning}</strong>
      {na && <p>n/a: {tile.why ?? failed ?? "not defined here"}.</p>}
      {interval && interval.low !== null && interval.high !== null && (
        <p>
          {percent(sure?.data?.level)} interval {shown(interval.low)} to {shown(interval.high)}, from{" "}
          {count(interval.replicates)} resamplings of the data rows.
        </p>
      )}
      {unsure !== undefined && <p>No interval: {unsure}.</p>}
      {versus !== null && interval?.difference && <p>{differs(interval, sure?.data, versus)}</p>}
    </>
  );
  return (
    <Hint text={hint}>
      <button type="button" className={styles.tile} data-figure={name} data-stale={stale}>
        <span className={styles.name}>
          {name} {part && <span className={styles.part}>{part}</span>}
        </span>
        <span className={`number ${styles.value}`} data-na={na}>
          {waiting && !failed ? "…" : isCount ? count(value) : ratio(value)}
        </span>
        <span className={`number ${styles.interval}`} data-interval={name}>
          {unsure === undefined ? rangeOf(interval, isCount) : "interval n/a"}
        </span>
        {versus !== null && <Versus tile={tile} run={versus} significant={interval?.difference?.significant ?? null} />}
      </button>
    </Hint>
  );
}

/** Why a figure has no interval; undefined: it has one, or may still get one. */
function whyUnsure(interval: Interval | undefined, sure: Sure | undefined, figure: string): string | undefined {
  if (sure?.error) return sure.error.message;
  if (!sure?.data || (interval && interval.low !== null)) return undefined;
  return reason(sure.data, `${figure}.low`);
}

/** Nothing before it is known, so that nothing moves when it comes. */
function rangeOf(interval: Interval | undefined, isCount: boolean): string {
  if (!interval || interval.low === null || interval.high === null) return "\u00a0";
  const shown = isCount ? (bound: number) => count(Math.round(bound)) : short;
  return `${shown(interval.low)} – ${shown(interval.high)}`;
}

function percent(level: number | undefined): string {
  return level === undefined ? "" : `${Number((100 * level).toFixed(4))} %`;
}

function short(value: number): string {
  return value.toFixed(3);
}

function reason(intervals: Intervals | undefined, name: string): string {
  return intervals?.undefined[name] ?? "not defined here";
}

function differs(interval: Interval, intervals: Intervals | undefined, run: string): string {
  const { difference } = interval;
  const { low = null, high = null } = difference ?? {};
  if (!difference || difference.value === null || low === null || high === null) {
    return `Difference to ${run}: n/a, ${reason(intervals, `${interval.figure}.difference.value`)}.`;
  }
  const verdict = difference.significant
    ? "significant: the interval leaves out 0"
    : "may be chance: the interval includes 0";
  const shared = intervals?.shared_rows ?? 0;
  return (
    `Difference to ${run} over the ${count(shared)} data rows of both: ${signed(difference.value)}, ` +
    `${percent(intervals?.level)} interval ${signed(low)} to ${signed(high)}; ${verdict}.`
  );
}

/** The other run's figure, and how far this run's is from it. */
function Versus({ tile, run, significant }: { tile: Tile; run: string; significant: boolean | null }) {
  const { value, other, part, fewerIsBetter = false, neither = false } = tile;
  const theirs = part === undefined ? ratio(other) : count(other);
  const change = typeof value === "number" && typeof other === "number" ? value - other : null;
  const better = !change || neither ? "same" : change > 0 !== fewerIsBetter ? "better" : "worse";
  return (
    <span className={styles.delta}>
      <span className={styles.other} title={`${run} ${theirs}`} data-other={tile.name}>
        <span>{run}</span> <span className="number">{theirs}</span>
      </span>
      {change !== null && (
        <span className="number" data-change={better} title={`than ${run}: ${better}`}>
          {signed(change)}
        </span>
      )}
      {significant !== null && (
        <span className={styles.significance} data-significant={significant}>
          {significant ? "significant" : "may be chance"}
        </span>
      )}
    </span>
  );
}
