import { useAveragePrecision, useIntervals, useSummary } from "../api/questions";
import type { AveragePrecision, Interval, Intervals, Summary } from "../api/schema";
import { count, ratio, signed } from "../lib/format";
import { useSettled } from "../lib/useSettled";
import { Hint } from "./Hint";
import { Failed } from "./Message";
import type { PartProps } from "./props";
import styles from "./Tiles.module.css";

/** How long a view stands still before intervals are asked for: they take the longest, and nothing waits for them. */
const PATIENCE = 350;

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

export function Tiles({ subject, versus, view }: PartProps) {
  const summary = useSummary(subject, view);
  const average = useAveragePrecision(subject, view);
  const otherSummary = useSummary(versus, view);
  const otherAverage = useAveragePrecision(versus, view);
  const still = useSettled(view, PATIENCE);
  const answered = !summary.isFetching && !average.isFetching;
  const intervals = useIntervals(subject, versus, still, still === view && answered);
  if (summary.isError) return <Failed error={summary.error} again={() => void summary.refetch()} />;
  const sure = still === view ? intervals.data : undefined;
  const tiles = tilesOf(
    summary.data,
    average.data,
    versus ? otherSummary.data : undefined,
    versus ? otherAverage.data : undefined,
  );
  const notes = [...new Set([...(summary.data?.notes ?? []), ...(sure?.notes ?? [])])];
  return (
    <section aria-label="Headline figures" aria-busy={summary.isFetching}>
      <div className={styles.tiles}>
        {tiles.map((tile) => (
          <TileView
            key={tile.name}
            tile={tile}
            waiting={!(summary.data && (tile.figure !== "ap" || average.data))}
            failed={tile.figure === "ap" ? average.error?.message : undefined}
            interval={sure?.figures.find((one) => one.figure === tile.figure)}
            intervals={sure}
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
}

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
    score("Precision", "The share of the predictions that are right.", "precision"),
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
    whole("Rows", "Data rows of the run that pass the filters.", "rows", "data rows", { neither: true }),
  ];
}

interface TileProps {
  tile: Tile;
  waiting: boolean;
  failed: string | undefined;
  interval: Interval | undefined;
  intervals: Intervals | undefined;
  versus: string | null;
}

function TileView({ tile, waiting, failed, interval, intervals, versus }: TileProps) {
  const { name, value, part } = tile;
  const isCount = part !== undefined;
  const na = !waiting && (value === null || value === undefined);
  const hint = (
    <>
      <strong>{tile.meaning}</strong>
      {na && <p>n/a: {tile.why ?? failed ?? "not defined here"}.</p>}
      {interval && interval.low !== null && (
        <p>
          95 % interval {ratio(interval.low)} to {ratio(interval.high)}, from {count(interval.replicates)} resamplings
          of the data rows.
        </p>
      )}
      {interval?.low === null && !na && <p>No interval: {reason(intervals, `${tile.figure}.low`)}.</p>}
      {versus !== null && interval?.difference && <p>{differs(interval, intervals, versus)}</p>}
    </>
  );
  return (
    <Hint text={hint}>
      <button type="button" className={styles.tile} data-figure={name}>
        <span className={styles.name}>{name}</span>
        <span className={`number ${styles.value}`} data-na={na}>
          {waiting && !failed ? "…" : isCount ? count(value) : ratio(value)}
        </span>
        <span className={`number ${styles.interval}`} data-interval={name}>
          {isCount ? part : na ? "\u00a0" : rangeOf(interval)}
        </span>
        {versus !== null && (
          <Difference tile={tile} run={versus} significant={interval?.difference?.significant ?? null} />
        )}
      </button>
    </Hint>
  );
}

/** Nothing before it is known, so that nothing moves when it comes. */
function rangeOf(interval: Interval | undefined): string {
  if (!interval || interval.low === null || interval.high === null) return "\u00a0";
  return `${short(interval.low)} – ${short(interval.high)}`;
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
    `95 % interval ${signed(low)} to ${signed(high)}; ${verdict}.`
  );
}

function Difference({ tile, run, significant }: { tile: Tile; run: string; significant: boolean | null }) {
  const { value, other, fewerIsBetter = false, neither = false } = tile;
  if (typeof value !== "number" || typeof other !== "number") return <span className={styles.delta}>n/a</span>;
  const change = value - other;
  const better = change === 0 || neither ? "same" : change > 0 !== fewerIsBetter ? "better" : "worse";
  return (
    <span className={styles.delta}>
      <span className="number" data-change={better} title={`than ${run}: ${better}`}>
        {signed(change)}
      </span>
      {significant !== null && (
        <span className={styles.significance} data-significant={significant}>
          {significant ? "significant" : "may be chance"}
        </span>
      )}
    </span>
  );
}
