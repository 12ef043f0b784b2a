import { useQuery } from "@tanstack/react-query";
import { memo, useRef } from "react";
import { asking } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import { isolated } from "../../lib/bidi";
import { count, ratio } from "../../lib/format";
import { commonOf, lineOfSlice, narrowing, rowsLeft, type Score, SCORES, sliceOf, spanOf } from "../../lib/slices";
import { useDebounced } from "../../lib/useDebounced";
import { useNear } from "../../lib/useNear";
import { PATIENCE, useStill } from "../../lib/useStill";
import { useSides } from "../../lib/useSides";
import { filterOf } from "../../state/view";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";
import styles from "./SliceTable.module.css";

/** More slices at once would keep the service busy for long: each has its own resamplings. */
const MOST = 12;
const NAMES = { f1: "F1", precision: "Precision", recall: "Recall" };

/** A run by parts of its data rows: how large each is, how good the run is there, and how sure that is. */
export const SliceTable = memo(function SliceTable({ subject, versus, view, setView }: PartProps) {
  const panel = useRef<HTMLElement>(null);
  // Each slice has its own resamplings: whoever only scrolls past asks for none of them.
  const seen = useNear(panel, 0);
  const near = useDebounced(seen, PATIENCE) && seen;
  const still = useStill(view);
  const headline = useHeadline(subject, still);
  const all = useSides(subject, still, null).partings.filter(({ by }) => by !== "class");
  const by = view.parted ?? all[0]?.by ?? null;
  const { sides, some, isPending } = useSides(subject, still, by, MOST);
  const filter = filterOf(still);
  const asked = { ...headline?.ask, group: ["counts" as const] };
  // What is far away keeps its height, and asks nothing.
  const enabled = near && subject !== null && headline !== undefined;
  // With the other run, as the tiles ask it.
  const other = versus && { versus: versus.run };
  const whole = useQuery({ ...asking("intervals", subject, { ...filter, ...asked, ...other }), enabled });
  const parts = useQuery({
    ...asking("slices", subject, { ...commonOf(filter), ...asked, slice: sides.map((one) => sliceOf(one.filter)) }),
    enabled: enabled && sides.length > 0,
  });
  const answers = [whole.data, ...sides.map((_, i) => parts.data?.slices[i])];
  const lines = answers.map((data) => data && lineOfSlice(data));
  const span = spanOf(lines.filter((line) => line !== undefined));
  const level = whole.data?.level ?? null;
  const failed = [whole, parts].find((one) => one.isError);
  const isFetching = whole.isFetching || parts.isFetching || (seen && (!near || still !== view));
  const left = by === "slice" || sides.length === 0 ? 0 : rowsLeft(answers);
  return (
    <section className="panel" aria-labelledby="slices" ref={panel} aria-busy={isFetching}>
      <header>
        <h2 id="slices">Scores by slice</h2>
        {some !== null && (
          <span className="muted" data-figure="some-slices">
            {some}
          </span>
        )}
        {/* Known last of all: below the table it would push away what comes next. */}
        {left > 0 && (
          <span className="muted" data-figure="rows-in-no-slice">
            {count(left)} {left === 1 ? "data row" : "data rows"} in none of these
          </span>
        )}
        {all.length > 0 && (
          <select
            className={`control ${styles.by}`}
            aria-label="Slices by"
            value={by ?? ""}
            onChange={(event) => setView({ parted: event.target.value })}
          >
            {by !== null && !all.some((one) => one.by === by) && (
              <option value={by}>by {isolated(by)}: nothing here</option>
            )}
            {all.map((one) => (
              <option key={one.by} value={one.by}>
                {one.words}
              </option>
            ))}
          </select>
        )}
      </header>
      {failed?.error ? (
        <Failed error={failed.error} again={() => void failed.refetch()} />
      ) : by === null ? (
        <Empty title="Nothing to part the run by.">
          Data rows have neither a second split nor metadata. A filter that is kept as a slice is a row here, too.
        </Empty>
      ) : isPending ? (
        <Loading what="slices" />
      ) : (
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">slice</th>
              <th scope="col">rows</th>
              <th scope="col">annotations</th>
              {SCORES.map((score) => (
                <th key={score} scope="col" data-score={score}>
                  {NAMES[score]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Line name={null} line={lines[0]} level={level} span={span} />
            {sides.map(({ name, kept }, i) => {
              const { chosen, change } = narrowing(view, by, name, kept);
              return (
                <Line
                  key={name}
                  name={name}
                  line={lines[i + 1]}
                  level={level}
                  span={span}
                  chosen={chosen}
                  toggle={() => setView(change)}
                />
              );
            })}
            {sides.length === 0 && (
              <tr>
                <td colSpan={3 + SCORES.length} className="muted">
                  No slice has a data row that passes the filters.
                </td>
              </tr>
            )}
          </tbody>
        </table>
      )}
    </section>
  );
});

interface LineProps {
  /** Nothing: all that passes the filters. */
  name: string | null;
  line: ReturnType<typeof lineOfSlice> | undefined;
  level: number | null;
  span: [number, number];
  chosen?: boolean;
  toggle?: () => void;
}

function Line({ name, line, level, span, chosen = false, toggle }: LineProps) {
  return (
    <tr data-slice={name ?? ""} data-chosen={chosen}>
      <th scope="row">
        {name === null ? (
          <span className="muted">all together</span>
        ) : (
          <button
            type="button"
            className={styles.name}
            aria-pressed={chosen}
            title={chosen ? "Show all again" : `Show only ${isolated(name)}`}
            onClick={toggle}
          >
            <bdi>{name}</bdi>
          </button>
        )}
      </th>
      <td className="number">{line ? count(line.rows) : "…"}</td>
      <td className="number">{line ? count(line.annotations) : "…"}</td>
      {SCORES.map((score) => (
        <td key={score} className="number" data-score={score}>
          {line ? <Range score={line[score]} level={level} span={span} /> : "…"}
        </td>
      ))}
    </tr>
  );
}

interface RangeProps extends Pick<LineProps, "level" | "span"> {
  score: Score;
}

/** A score and its interval: in numbers, and as a stroke on a line that all slices have in common. */
function Range({ score: { value, low, high, why }, level, span: [from, to] }: RangeProps) {
  if (value === null) return <span title={why ?? undefined}>n/a</span>;
  const known = low !== null && high !== null;
  const at = (one: number) => (one - from) / (to - from);
  return (
    <span
      className={styles.range}
      title={
        known
          ? `${Number((100 * (level ?? 0)).toFixed(4))} % interval; strokes from ${ratio(from)} to ${ratio(to)}`
          : `No interval: ${why ?? ""}`
      }
    >
      <span>{ratio(value)}</span>
      <span className="muted">{known ? `${low.toFixed(3)} – ${high.toFixed(3)}` : "interval n/a"}</span>
      <span
        className={styles.line}
        aria-hidden="true"
        style={{ "--at": at(value), "--low": at(low ?? value), "--high": at(high ?? value) } as React.CSSProperties}
      >
        <i />
        <b />
      </span>
    </span>
  );
}
