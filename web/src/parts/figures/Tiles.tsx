import { memo } from "react";
import { hashKey, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { asking, useQuestion } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import { useBoth, useShared } from "../../api/shared";
import type { Interval, Intervals } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import type { Shared } from "../../lib/basis";
import { basisOf, rowsOfBoth } from "../../lib/compared";
import { count, ratio, signed, thousandths } from "../../lib/format";
import { intervalOf } from "../../lib/interval";
import { type Headline, summaryOf } from "../../lib/kinds";
import { ofFigure } from "../../lib/selection";
import { type Tile, tilesOf } from "../../lib/tiles";
import { useAtRest } from "../../lib/useAtRest";
import { useStill } from "../../lib/useStill";
import { COUNTED } from "../../state/lower";
import { ALL_DETECTIONS, filterOf, ofAllDetections, type SetView, type View } from "../../state/view";
import { Hint } from "../shared/Hint";
import { Failed } from "../shared/Message";
import type { SideBySideProps } from "../shared/props";
import { SideBySide } from "./SideBySide";
import styles from "./Tiles.module.css";

/** What is known of how sure the figures are. */
type Sure = Pick<UseQueryResult<Intervals>, "data" | "error">;

export const Tiles = memo(function Tiles({ subject, versus, also, view, setView }: SideBySideProps) {
  const overview = useQuestion("overview", subject, filterOf(view));
  const headline = useHeadline(subject, view);
  const shared = useShared(subject, versus, view);
  const [ownOverview, theirOverview, staleOverview] = useBoth("overview", subject, versus, shared);
  // What takes long waits until the hand rests.
  const rested = useAtRest(view);
  const average = useQuestion("average-precision", subject, ofAllDetections(filterOf(rested)));
  const sharedAtRest = useShared(subject, versus, rested);
  const [ownAverage, theirAverage, staleAverage] = useBoth(
    "average-precision",
    subject,
    versus,
    sharedAtRest,
    ALL_DETECTIONS,
  );
  const still = useStill(rested);
  const other = versus && { versus: versus.run };
  // Those of the last view would be wrong here: until the new ones are there, there are none.
  const ofCounts = useQuery({
    ...asking("intervals", subject, { ...filterOf(still), ...headline?.ask, group: ["counts"], ...other }),
    enabled: subject !== null && still === view && !overview.isFetching && !average.isFetching,
  });
  const ofAll = ofAllDetections(filterOf(still));
  const ofAverage = useQuery({
    ...asking("intervals", subject, { ...ofAll, group: ["average_precision"], ...other }),
    enabled: subject !== null && !average.isFetching,
  });
  if (overview.isError) return <Failed error={overview.error} again={() => void overview.refetch()} />;
  const summary = summaryOf(overview.data, headline);
  const isOfAnswers = headline?.kind === "answers" && headline.kinds.length > 1;
  const tiles = tilesOf(
    { summary, average: isOfAnswers ? undefined : average.data },
    { summary: summaryOf(ownOverview, headline), average: isOfAnswers ? undefined : ownAverage },
    { summary: summaryOf(theirOverview, headline), average: isOfAnswers ? undefined : theirAverage },
    view,
  );
  const sure = (figure: string): Sure | undefined => {
    if (figure !== "ap") return still === view ? ofCounts : undefined;
    return !isOfAnswers && hashKey([ofAll]) === hashKey([ofAllDetections(filterOf(view))]) ? ofAverage : undefined;
  };
  const notes = [
    ...new Set([...(summary?.notes ?? []), ...["tp", "ap"].flatMap((figure) => sure(figure)?.data?.notes ?? [])]),
  ];
  return (
    <section aria-label="Headline figures" aria-busy={overview.isFetching}>
      <Of headline={headline} setView={setView} />
      <div className={styles.tiles}>
        {tiles.map((tile) => {
          const isAverage = tile.figure === "ap";
          return (
            <TileView
              key={tile.name}
              tile={tile}
              waiting={!(summary && (!isAverage || isOfAnswers || average.data))}
              failed={!isAverage ? undefined : isOfAnswers ? "it is of objects" : average.error?.message}
              stale={
                isAverage ? average.isPlaceholderData || staleAverage : overview.isPlaceholderData || staleOverview
              }
              sure={sure(tile.figure)}
              versus={versus?.run ?? null}
              shared={shared}
              view={view}
              setView={setView}
            />
          );
        })}
      </div>
      {subject && versus && (
        <p className={styles.notes} data-figure="shared-rows">
          {shared ? basisOf(subject.run, versus.run, shared) : "\u00a0"}
        </p>
      )}
      {notes.length > 0 && (
        <p className={styles.notes} data-figure="notes">
          {notes.join(" ")}
          {summary && summary.rows_without_predictions > 0 && (
            <>
              {" "}
              <button
                type="button"
                className="control"
                aria-pressed={view.missing === "count"}
                title="as if the run was closed: on annotated data rows that it has said nothing of, nothing was found"
                onClick={() => setView({ missing: view.missing === null ? "count" : null })}
              >
                count them as missed
              </button>
            </>
          )}
        </p>
      )}
      {subject && also.length > 0 && (
        <SideBySide
          {...{ subject, versus, also, view, setView, tiles, shared, isOfAnswers }}
          stale={overview.isPlaceholderData || staleOverview || average.isPlaceholderData || staleAverage}
        />
      )}
    </section>
  );
});

/**
 * What the headline is of: never of objects and answers together, and of several types only as it is said here. The line
 * is there before it is known, and where there is one type alone, so that nothing below it moves.
 */
function Of({ headline, setView }: { headline: Headline | undefined; setView: SetView }) {
  if (!headline) return <div className={styles.of} />;
  const { kinds, kind, words } = headline;
  return (
    <div className={styles.of}>
      {kinds.length > 1 && (
        <div className="group" role="group" aria-label="Headline figures of">
          {kinds.map((one) => (
            <button
              key={one}
              type="button"
              className="control"
              aria-pressed={one === kind}
              onClick={() => setView({ kind: one === kinds[0] ? null : one })}
            >
              {one}
            </button>
          ))}
        </div>
      )}
      <span className="muted" data-figure="headline-of">
        {words.includes(",") ? `${words}, counted together` : words}
      </span>
    </div>
  );
}

/** As wide as the figures that will stand beside mAP: `AP50 0.754`, of digits. */
const BESIDE_WAITING = "\u2007".repeat(10);

interface TileProps {
  tile: Tile;
  waiting: boolean;
  failed: string | undefined;
  /** The last view's figure, until the present one's is there: nobody shall take the one for the other. */
  stale: boolean;
  sure: Sure | undefined;
  versus: string | null;
  shared: Shared | undefined;
  view: View;
  setView: SetView;
}

const isCounted = (figure: string): figure is (typeof COUNTED)[number] => COUNTED.some((one) => one === figure);

function TileView({ tile, waiting, failed, stale, sure, versus, shared, view, setView }: TileProps) {
  const { name, value, part, figure, beside, isCount = false } = tile;
  const na = !waiting && (value === null || value === undefined);
  const interval = sure?.data?.figures.find((one) => one.figure === figure);
  const shown = isCount ? (bound: number) => count(Math.round(bound)) : ratio;
  const unsure = na || figure === "rows" ? undefined : whyUnsure(interval, sure, figure);
  const objects = isCounted(figure) ? ofFigure(view, figure) : null;
  const hint = (
    <>
      <strong>{tile.meaning}</strong>
      {objects && <p>A click shows {objects.isChosen ? "everything again" : "these objects in the gallery"}.</p>}
      {na && <p>n/a: {tile.why ?? failed ?? "not defined here"}.</p>}
      {interval && interval.low !== null && interval.high !== null && (
        <p>
          {percent(sure?.data?.level)} interval {shown(interval.low)} to {shown(interval.high)}, {intervalOf(interval)}.
        </p>
      )}
      {unsure !== undefined && <p>No interval: {unsure}.</p>}
      {versus !== null && interval?.difference && <p>{differs(interval, sure?.data, versus)}</p>}
    </>
  );
  return (
    <Hint text={hint}>
      <button
        type="button"
        className={styles.tile}
        data-figure={name}
        data-stale={stale}
        aria-pressed={objects?.isChosen}
        onClick={() => objects && setView(objects.change)}
      >
        <span className={styles.name}>
          {name} {part && <span className={styles.part}>{part}</span>}
        </span>
        <span className={`number ${styles.value}`} data-na={na}>
          {waiting && !failed ? "…" : isCount ? count(value) : ratio(value)}
        </span>
        <span className={`number ${styles.interval}`} data-interval={name}>
          {unsure === undefined ? rangeOf(interval, isCount) : "interval n/a"}
        </span>
        {versus !== null && !tile.alone && !shared && <span className={styles.delta} />}
        {versus !== null && !tile.alone && shared && shared.rows > 0 && (
          <Versus tile={tile} run={versus} shared={shared} significant={interval?.difference?.significant ?? null} />
        )}
        {beside !== undefined ? (
          <span className={`number ${styles.beside}`} data-beside={name}>
            {beside.map((one) => (
              <span key={one}>{one}</span>
            ))}
          </span>
        ) : (
          figure === "ap" &&
          waiting &&
          failed === undefined && (
            <span className={`number ${styles.beside}`} aria-hidden="true">
              <span>{BESIDE_WAITING}</span>
              <span>{BESIDE_WAITING}</span>
            </span>
          )
        )}
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
  const shown = isCount ? (bound: number) => count(Math.round(bound)) : thousandths;
  return `${shown(interval.low)} – ${shown(interval.high)}`;
}

function percent(level: number | undefined): string {
  return level === undefined ? "" : `${Number((100 * level).toFixed(4))} %`;
}

function reason(intervals: Intervals | undefined, name: string): string {
  return intervals?.undefined[name] ?? "not defined here";
}

function differs(interval: Interval, intervals: Intervals | undefined, run: string): string {
  const { difference } = interval;
  const { low = null, high = null } = difference ?? {};
  if (!difference || difference.value === null || low === null || high === null) {
    return `Difference to ${isolated(run)}: n/a, ${reason(intervals, `${interval.figure}.difference.value`)}.`;
  }
  const verdict = difference.significant
    ? "significant: the interval leaves out 0"
    : "may be chance: the interval includes 0";
  const shared = intervals?.shared_rows ?? 0;
  return (
    `Difference to ${isolated(run)} over ${rowsOfBoth(shared)}: ${signed(difference.value)}, ` +
    `${percent(intervals?.level)} interval ${signed(low)} to ${signed(high)}; ${verdict}.`
  );
}

/** The other run's figure, and how far this run's is from it: both over the rows that they share. */
function Versus({ tile, run, shared, significant }: VersusProps) {
  const { fewerIsBetter = false, isCount = false } = tile;
  const [own, other] = tile.shared;
  const theirs = isCount ? count(other) : ratio(other);
  const change = typeof own === "number" && typeof other === "number" ? own - other : null;
  const better = !change ? "same" : change > 0 !== fewerIsBetter ? "better" : "worse";
  const rows = `over ${rowsOfBoth(shared.rows)}`;
  return (
    <span className={styles.delta}>
      <span className={styles.other} title={`${isolated(run)} ${theirs} ${rows}`} data-other={tile.name}>
        <bdi>{run}</bdi> <span className="number">{theirs}</span>
      </span>
      {change !== null && (
        <span className="number" data-change={better} title={`than ${isolated(run)}, ${rows}: ${better}`}>
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

interface VersusProps {
  tile: Tile;
  run: string;
  shared: Shared;
  significant: boolean | null;
}
