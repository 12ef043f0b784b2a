import { memo, useEffect, useEffectEvent, useState } from "react";
import { isolated } from "../../lib/bidi";
import { noneShared, rowsOfBoth } from "../../lib/compared";
import { count } from "../../lib/format";
import { isAnswerLabel } from "../../lib/classLabel";
import type { Cell } from "../../lib/matrix";
import { cellOf } from "../../lib/selection";
import { useMatrix } from "../../lib/useMatrix";
import { useDebounced } from "../../lib/useDebounced";
import { AT_MOST, MOST, type ORDERS, type UNITS, type View } from "../../state/view";
import styles from "./ConfusionMatrix.module.css";
import { MatrixGrid } from "./MatrixGrid";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";

const UNIT_WORDS: Record<(typeof UNITS)[number], string> = {
  count: "counts",
  row: "% of annotations",
  column: "% of predictions",
};
/** What is the whole that a percentage is of. */
const WHOLES: Partial<Record<(typeof UNITS)[number], string>> = {
  row: "% of the annotations of a row; in the row “false alarm”, of all false alarms.",
  column: "% of the predictions of a column; in the column “missed”, of all that is missed.",
};
const ORDER_WORDS: Record<(typeof ORDERS)[number], string> = {
  errors: "most confused first",
  name: "by name",
  count: "most annotations first",
};

export const ConfusionMatrix = memo(function ConfusionMatrix({ subject, versus, view, setView }: PartProps) {
  const [find, setFind] = useFind(view, setView);
  const minus = view.minus === "1" && versus !== null;
  const matrix = useMatrix(subject, minus ? versus : null, view, find.settled);
  const { own, their } = matrix;
  const ready = own !== undefined && (!minus || their !== undefined);
  const more = (matrix.total ?? 0) > matrix.labels.length;
  const answers = matrix.labels.filter(isAnswerLabel).length;
  return (
    <section className="panel" aria-labelledby="confusion">
      <header className={styles.header}>
        <h2 id="confusion">Confusion matrix</h2>
        {versus && (
          <button
            type="button"
            className="control"
            aria-pressed={minus}
            title={`Counts of ${isolated(subject?.run ?? "")} less those of ${isolated(versus.run)}`}
            onClick={() => setView({ minus: minus ? null : "1" })}
          >
            A − B
          </button>
        )}
      </header>
      <div className={styles.controls}>
        <input
          className="control"
          placeholder="Find a class"
          aria-label="Find a class in the confusion matrix"
          value={find.text}
          onChange={(event) => setFind(event.target.value)}
        />
        <Select
          label="Order of classes"
          value={view.order}
          words={ORDER_WORDS}
          choose={(order) => setView({ order, most: null })}
        />
        <Select label="What the cells say" value={view.unit} words={UNIT_WORDS} choose={(unit) => setView({ unit })} />
        <button
          type="button"
          className="control"
          aria-pressed={view.shade === "log"}
          title="Colour by the logarithm, so that small cells show beside large ones"
          onClick={() => setView({ shade: view.shade === "log" ? "linear" : "log" })}
        >
          log
        </button>
      </div>
      {matrix.error ? (
        <Failed error={matrix.error} again={matrix.again} />
      ) : matrix.isPending || matrix.total === undefined ? (
        <div className={styles.waiting}>
          <Loading what="confusion matrix" />
        </div>
      ) : minus && matrix.shared?.rows === 0 ? (
        <Empty title="Nothing to compare here.">{noneShared(subject?.run ?? "", versus.run)}</Empty>
      ) : matrix.labels.length === 0 || !ready ? (
        find.settled ? (
          <Empty title="No such class.">
            No class here has “<bdi>{find.settled}</bdi>” in its name.{" "}
            <button type="button" className="control" onClick={() => setFind("")}>
              Show all
            </button>
          </Empty>
        ) : (
          <Empty title="Nothing to compare here.">
            No annotation and no prediction passes the filters and thresholds. Lower the confidence, or remove a filter.
          </Empty>
        )
      ) : (
        <>
          <MatrixGrid
            labels={matrix.labels}
            own={own}
            their={minus ? their : undefined}
            view={view}
            setView={setView}
          />
          {!minus && !find.settled && <Confusions cells={matrix.confusions ?? []} {...{ view, setView }} />}
          <div className={`muted ${styles.foot}`}>
            <p>
              {WHOLES[view.unit] ?? "False alarm: nothing is annotated there (background FP)."}
              {minus && (
                <>
                  <i className={styles.key} data-change="better" /> better in <bdi>{subject?.run}</bdi>
                  <i className={styles.key} data-change="worse" /> better in <bdi>{versus.run}</bdi>
                  {matrix.shared && <> · over {rowsOfBoth(matrix.shared.rows)}</>}
                </>
              )}
            </p>
            {(more || answers > 0) && (
              <p data-figure="matrix-classes">
                {more
                  ? `${matrix.labels.length} of ${count(matrix.total)} classes${answers > 0 ? " and answers" : ""}.`
                  : `${answers < matrix.labels.length ? `${matrix.labels.length - answers} classes + ` : ""}${answers} ${answers === 1 ? "answer" : "answers"}.`}{" "}
                {more && view.most < AT_MOST && (
                  <button
                    type="button"
                    className="control"
                    onClick={() => setView({ most: Math.min(AT_MOST, view.most + MOST) })}
                  >
                    Show more
                  </button>
                )}
              </p>
            )}
          </div>
        </>
      )}
    </section>
  );
});

/** What is taken for what most often, however large the matrix is; a click shows these objects. */
function Confusions({ cells, view, setView }: Pick<PartProps, "view" | "setView"> & { cells: Cell[] }) {
  if (cells.length === 0) return null;
  return (
    <div className={styles.confusions}>
      <h3 id="confusions">Top confusions</h3>
      <ol aria-labelledby="confusions">
        {cells.map(({ actual, predicted, count: number }) => {
          const chosen = view.actual === actual && view.predicted === predicted;
          return (
            <li key={JSON.stringify([actual, predicted])}>
              <button
                type="button"
                className="control"
                aria-pressed={chosen}
                onClick={() =>
                  setView(chosen ? { actual: null, predicted: null } : { actual, predicted, row: null, whose: null })
                }
              >
                {cellOf({ actual, predicted })} <b className="number">{count(number)}</b>
              </button>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

/** The search text: in the field at once, in the URL once it has settled. */
function useFind(view: View, setView: PartProps["setView"]) {
  const [typed, setTyped] = useState({ text: view.find, under: view.find });
  const settled = useDebounced(typed, 180);
  // Where the URL has changed since, by the back button for instance, the field follows.
  const text = typed.under === view.find || typed.text === view.find ? typed.text : view.find;
  const keep = useEffectEvent((find: string, under: string) => {
    if (find !== view.find && under === view.find) setView({ find, most: null }, { history: "replace" });
  });
  useEffect(() => keep(settled.text, settled.under), [settled]);
  return [{ text, settled: view.find }, (next: string) => setTyped({ text: next, under: view.find })] as const;
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  words: Record<T, string>;
  choose: (value: T) => void;
}

function Select<T extends string>({ label, value, words, choose }: SelectProps<T>) {
  return (
    <select className="control" aria-label={label} value={value} onChange={(event) => choose(event.target.value as T)}>
      {(Object.entries(words) as [T, string][]).map(([one, said]) => (
        <option key={one} value={one}>
          {said}
        </option>
      ))}
    </select>
  );
}
