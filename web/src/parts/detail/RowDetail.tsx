import { nameOfLabel } from "../../lib/classLabel";
import { Dialog } from "radix-ui";
import { useEffect, useEffectEvent, useMemo, useState } from "react";
import type { Subject } from "../../api/ask";
import { useNamedMetrics, useRow, useSkeletons } from "../../api/gallery";
import type { Row, RowObject } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import { keyOf, keysOf, type Pair, pairsOf } from "../../lib/cases";
import { download, fileName } from "../../lib/download";
import { labelLines, labelsHead, rowLine } from "../../lib/labelLines";
import { count, figure } from "../../lib/format";
import { ROW_METRICS } from "../../lib/metrics";
import { isAnswer, isDrawn, isSpan } from "../../lib/shape";
import { useMetricNames } from "../../lib/useMetricNames";
import type { SetView, View } from "../../state/view";
import { Answers, questionsOf } from "./Answers";
import { CaseList } from "./CaseList";
import { Empty, Failed, Loading } from "../shared/Message";
import styles from "./RowDetail.module.css";
import { Stage } from "./Stage";

interface Props {
  subject: Subject | null;
  /** A second run, whose predictions can be looked at in its place. */
  versus: Subject | null;
  view: View;
  setView: SetView;
  name: string;
  /** The row, where the gallery has it already. */
  given: Row | null;
  /** Which of how many it is. */
  place: string | null;
  previous: (() => void) | null;
  next: (() => void) | null;
  nearTheEnd: (() => void) | null;
  close: () => void;
  /** When it is gone, and the focus may go elsewhere. */
  closed: () => void;
}

/** The row as a file: its objects with their shapes and what became of them, in the formats of `evalstream export`. */
function ExportOfRow({ subject, row }: { subject: Subject; row: Row }) {
  const name = fileName(`${subject.dataset}-${subject.run}-${row.data_row}`);
  return (
    <span className="group" role="group" aria-label="Export of this row">
      <button
        type="button"
        className="control"
        title="This row with all its objects, as JSON"
        onClick={() => download(`${name}.json`, "application/json", [rowLine(row)])}
      >
        JSON
      </button>
      <button
        type="button"
        className="control"
        title="The labels of this row, as CSV"
        onClick={() => download(`${name}.csv`, "text/csv", [labelsHead(row), ...labelLines(row)])}
      >
        CSV
      </button>
    </span>
  );
}

/** One data row, large, with every object and what became of it. Arrow keys go to its neighbours. */
export function RowDetail(props: Props) {
  const {
    subject: first,
    versus,
    view,
    setView,
    name,
    given,
    place,
    previous,
    next,
    nearTheEnd,
    close,
    closed,
  } = props;
  const [other, setOther] = useState(false);
  const subject = other && versus ? versus : first;
  const known = subject === first ? given : null;
  const asked = useRow(known ? null : subject, view, name);
  // What one run has of the row must not stand in the place of what the other has.
  const row = known ?? (asked.isPlaceholderData && versus ? null : asked.data) ?? null;
  const askForMore = useEffectEvent(() => nearTheEnd?.());
  useEffect(() => askForMore(), [name]);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className={styles.veil} />
        <Dialog.Content
          className={styles.dialog}
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            closed();
          }}
          onKeyDown={(event) => {
            if (event.defaultPrevented || event.altKey || event.metaKey || event.ctrlKey) return;
            if (event.key === "ArrowLeft") previous?.();
            if (event.key === "ArrowRight") next?.();
          }}
        >
          <header className={styles.header}>
            <Dialog.Title className={styles.title}>
              <bdi>{name}</bdi>
            </Dialog.Title>
            <span className={`muted ${styles.where}`}>{[row?.split, place].filter(Boolean).join(" · ")}</span>
            {versus && first && (
              <span className="group" role="group" aria-label="As which run has it">
                {[first, versus].map((one) => (
                  <button
                    key={one.run}
                    type="button"
                    className="control"
                    aria-pressed={one === subject}
                    onClick={() => setOther(one === versus)}
                  >
                    <bdi>{one.run}</bdi>
                  </button>
                ))}
              </span>
            )}
            <span className={styles.tools}>
              {row && subject && <ExportOfRow subject={subject} row={row} />}
              <button
                type="button"
                className="control"
                disabled={!previous}
                onClick={() => previous?.()}
                aria-label="Previous"
                title="Previous (arrow left)"
              >
                ←
              </button>
              <button
                type="button"
                className="control"
                disabled={!next}
                onClick={() => next?.()}
                aria-label="Next"
                title="Next (arrow right)"
              >
                →
              </button>
              <Dialog.Close className="control" title="Close (Escape)">
                Close
              </Dialog.Close>
            </span>
          </header>
          {row ? (
            <Body key={`${subject?.run} ${row.data_row}`} {...{ subject, view, setView, row }} />
          ) : asked.isPending || asked.isPlaceholderData ? (
            <Loading what="data row" />
          ) : asked.isError ? (
            <Failed error={asked.error} again={() => void asked.refetch()} />
          ) : (
            <Empty title={`There is no data row ${isolated(name)} here.`}>
              The run has not spoken of it, or the filters leave it out. Close this, and remove a filter.
            </Empty>
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

const NONE: RowObject[] = [];

interface BodyProps {
  subject: Subject | null;
  view: View;
  setView: SetView;
  row: Row;
}

function Body({ subject, view, setView, row }: BodyProps) {
  const [hovered, setHovered] = useState<string | null>(null);
  const rows = useMemo(() => [row], [row]);
  const skeletons = useSkeletons(subject, rows);
  const pairs = useMemo(
    () => pairsOf(row, (one) => isDrawn(one) || isSpan(one) || one.type === "radio" || one.type === "checklist"),
    [row],
  );
  const chosen = view.object;
  // What is pointed at, with its partner; what was chosen stays pointed out meanwhile.
  const pointed = useMemo(() => partners(pairs, hovered ?? chosen), [pairs, hovered, chosen]);
  const choose = (key: string) =>
    setView({ object: partners(pairs, chosen).includes(key) ? null : key }, { history: "replace" });
  const [all, setAll] = useState(false);
  const left = useMemo(
    () => row.predictions.filter((one) => one.outcome === null && (isDrawn(one) || isSpan(one))),
    [row],
  );
  const answered = questionsOf(row).length > 0;
  return (
    <div className={styles.body}>
      <div className={styles.look}>
        {(row.text ||
          row.media_url ||
          pairs.some((pair) => [pair.annotation, pair.prediction].some((one) => one && isDrawn(one)))) && (
          <Stage {...{ row, view, setView, skeletons, pointed, choose }} more={all ? left : NONE} point={setHovered} />
        )}
      </div>
      <div className={styles.side}>
        <h3 className={styles.heading}>
          Objects <span className="muted">({count(pairs.length)})</span>
        </h3>
        {pairs.length > 0 ? (
          <CaseList {...{ pairs, pointed, choose }} chosen={chosen} point={setHovered} />
        ) : (
          <p className="muted">
            {row.annotations.some(isAnswer) || row.predictions.some(isAnswer)
              ? "Its answers are in the table of questions."
              : "Nothing is annotated here, and no prediction passes the thresholds and filters."}
          </p>
        )}
        {left.length > 0 && (
          <p className={`muted ${styles.left}`}>
            {count(left.length)} more prediction{left.length === 1 ? " is" : "s are"} below the confidence threshold, or
            outside the filters.{" "}
            <button type="button" className="control" aria-pressed={all} onClick={() => setAll(!all)}>
              {all ? "Hide" : "Show"}
            </button>
          </p>
        )}
        {all && (
          <ul className={styles.more} aria-label="Predictions that do not count here">
            {left.map((one) => (
              <li
                key={one.id}
                onPointerEnter={() => setHovered(keyOf("prediction", one))}
                onPointerLeave={() => setHovered(null)}
              >
                <bdi>{nameOfLabel(one.label)}</bdi>{" "}
                <span className="number muted">{(one.confidence ?? 0).toFixed(2)}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
      <div className={styles.rest}>
        {answered && (
          <section>
            <h3 className={styles.heading}>Questions</h3>
            <Answers row={row} />
          </section>
        )}
        <Facts {...{ subject, view, row }} />
      </div>
    </div>
  );
}

/** A key and that of its partner. */
function partners(pairs: Pair[], key: string | null): string[] {
  if (key === null) return [];
  return pairs.map(keysOf).find((keys) => keys.includes(key)) ?? [key];
}

/** Metadata and metrics of the row, those that producers sent included. */
function Facts({ subject, view, row }: Omit<BodyProps, "setView">) {
  const { ofRows: known } = useMetricNames(subject, view);
  const named = useNamedMetrics(
    subject,
    view,
    row.data_row,
    known.map((one) => one.name),
  );
  const own = Object.entries(ROW_METRICS).map(([name, title]) => ({ title, value: row.metrics[name] ?? null, name }));
  const more = named
    .filter((one) => one.known)
    .map(({ name, value }) => ({ name, title: known.find((one) => one.name === name)?.title ?? name, value }));
  return (
    <div className={styles.facts}>
      <section>
        <h3 className={styles.heading}>Metrics of this row</h3>
        <dl className={styles.list}>
          {[...own, ...more].map(({ name, title, value }) => (
            <div key={name} data-metric={name}>
              <dt>{title}</dt>
              <dd className="number">{figure(value)}</dd>
            </div>
          ))}
        </dl>
      </section>
      {Object.keys(row.metadata).length > 0 && (
        <section>
          <h3 className={styles.heading}>Metadata</h3>
          <dl className={styles.list}>
            {Object.entries(row.metadata).map(([key, value]) => (
              <div key={key}>
                <dt>
                  <bdi>{key}</bdi>
                </dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
    </div>
  );
}
