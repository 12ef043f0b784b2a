import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { count, signed } from "../lib/format";
import { type Counts, minus as less, share } from "../lib/matrix";
import { useMatrix } from "../lib/useMatrix";
import { useSettled } from "../lib/useSettled";
import { MOST, type ORDERS, type UNITS, type View } from "../state/view";
import styles from "./ConfusionMatrix.module.css";
import { Empty, Failed, Loading } from "./Message";
import type { PartProps } from "./props";

/** More than these would be a carpet, and slow: there is the search. */
const AT_MOST = 60;

const UNIT_WORDS: Record<(typeof UNITS)[number], string> = {
  count: "counts",
  row: "% of annotations",
  column: "% of predictions",
};
const ORDER_WORDS: Record<(typeof ORDERS)[number], string> = {
  errors: "most confused first",
  name: "by name",
  count: "most annotations first",
};

export function ConfusionMatrix({ subject, versus, view, setView }: PartProps) {
  const [find, setFind] = useFind(view, setView);
  const minus = view.minus === "1" && versus !== null;
  const matrix = useMatrix(subject, minus ? versus : null, view, find.settled);
  const { own, their } = matrix;
  const ready = own !== undefined && (!minus || their !== undefined);
  const more = (matrix.total ?? 0) > matrix.labels.length;
  return (
    <section className="panel" aria-labelledby="confusion">
      <header className={styles.header}>
        <h2 id="confusion">Confusion matrix</h2>
        {versus && (
          <button
            type="button"
            className="control"
            aria-pressed={minus}
            title={`Counts of ${subject?.run} less those of ${versus.run}`}
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
        <Loading what="confusion matrix" />
      ) : matrix.labels.length === 0 || !ready ? (
        find.settled ? (
          <Empty title="No such class.">
            No class here has “{find.settled}” in its name.{" "}
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
          <Grid labels={matrix.labels} own={own} their={minus ? their : undefined} view={view} setView={setView} />
          <div className={`muted ${styles.foot}`}>
            <p>
              Rows: what is there. Columns: what was said.
              {minus && (
                <>
                  {" "}
                  <i className={styles.key} data-sign="more" /> more in {subject?.run}
                  <i className={styles.key} data-sign="fewer" /> more in {versus.run}
                </>
              )}
            </p>
            {more && (
              <p data-figure="matrix-classes">
                {matrix.labels.length} of {count(matrix.total)} classes.{" "}
                {view.most < AT_MOST && (
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
}

/** The search text: in the field at once, in the URL once it has settled. */
function useFind(view: View, setView: PartProps["setView"]) {
  const [typed, setTyped] = useState({ text: view.find, under: view.find });
  const settled = useSettled(typed, 180);
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

interface GridProps extends Pick<PartProps, "view" | "setView"> {
  labels: string[];
  own: Counts;
  /** To be taken from one's own, if there are any. */
  their: Counts | undefined;
}

function Grid({ labels, own, their, view, setView }: GridProps) {
  // Nothing at all comes first: what it holds is asked for most.
  const columns = ["", ...labels];
  const rows = columns;
  const table = useRef<HTMLTableElement>(null);
  const [at, setAt] = useState("");
  const values = useMemo(
    () =>
      ["", ...labels].map((actual) =>
        ["", ...labels].map((predicted) => {
          const value = share(own, view.unit, actual, predicted);
          return their ? less(value, share(their, view.unit, actual, predicted)) : value;
        }),
      ),
    [labels, own, their, view.unit],
  );
  // The strongest colour is that of the largest cell shown.
  const largest = Math.max(1, ...values.flat().map((value) => Math.abs(value ?? 0)));
  const isThere = (row: number, column: number) =>
    own.at(rows[row] ?? "", columns[column] ?? "") > 0 ||
    (their !== undefined && their.at(rows[row] ?? "", columns[column] ?? "") > 0);
  const places = rows.flatMap((_, row) =>
    columns.flatMap((_, column) => (isThere(row, column) ? [`${row} ${column}`] : [])),
  );
  // One stop for the tab key; from there the arrow keys lead on, over what is empty.
  const stop = places.includes(at) ? at : places[0];
  const move = (event: React.KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step || stop === undefined) return;
    event.preventDefault();
    let [row = 0, column = 0] = stop.split(" ").map(Number);
    do {
      row += step[0];
      column += step[1];
    } while (row in rows && column in columns && !isThere(row, column));
    table.current?.querySelector<HTMLElement>(`[data-at="${row} ${column}"]`)?.focus();
  };
  return (
    // A region that scrolls must be reachable by keyboard: through its cells it is.
    <div className={styles.scroll}>
      {/* The keys are those of the cells, which are buttons. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <table className={styles.grid} ref={table} onKeyDown={move}>
        <thead>
          <tr>
            <td />
            {columns.map((label) => (
              <th key={label} scope="col" className={label ? "" : styles.nothing} title={label || "missed"}>
                <span>{label || "missed"}</span>
              </th>
            ))}
            <th scope="col" className={styles.sum}>
              <span>all</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((actual, row) => (
            <tr key={actual}>
              <th scope="row" className={actual ? "" : styles.nothing} title={actual || "false alarm"}>
                {actual || "false alarm"}
              </th>
              {columns.map((predicted, column) => {
                if (!isThere(row, column)) {
                  return <td key={predicted} className={actual || predicted ? styles.empty : ""} />;
                }
                const place = `${row} ${column}`;
                const value = values[row]?.[column];
                const chosen = view.actual === actual && view.predicted === predicted;
                const text = value === undefined ? "n/a" : shown(value, view.unit, their !== undefined);
                const words = told(own, their, actual, predicted) + (view.unit === "count" ? "" : `, ${text} %`);
                return (
                  <td key={predicted}>
                    <button
                      type="button"
                      className={`number ${styles.cell}`}
                      data-at={place}
                      tabIndex={place === stop ? 0 : -1}
                      data-kind={their ? ((value ?? 0) < 0 ? "fewer" : "more") : kindOf(actual, predicted)}
                      style={{ "--heat": heat(value ?? 0, largest, view.shade) } as React.CSSProperties}
                      aria-pressed={chosen}
                      aria-label={words}
                      title={words}
                      onFocus={() => setAt(place)}
                      onClick={() =>
                        setView(chosen ? { actual: null, predicted: null } : { actual, predicted, row: null })
                      }
                    >
                      {text}
                    </button>
                  </td>
                );
              })}
              <td className={`number ${styles.sum}`} data-sum-of-actual={actual}>
                {total(own.ofActual(actual), their && { value: their.ofActual(actual) })}
              </td>
            </tr>
          ))}
          <tr>
            <th scope="row" className={styles.sum}>
              all
            </th>
            {columns.map((predicted) => (
              <td key={predicted} className={`number ${styles.sum}`} data-sum-of-predicted={predicted}>
                {total(own.ofPredicted(predicted), their && { value: their.ofPredicted(predicted) })}
              </td>
            ))}
            <td />
          </tr>
        </tbody>
      </table>
    </div>
  );
}

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

function said(actual: string, predicted: string): string {
  if (!actual) return `false alarm, said to be ${predicted}`;
  if (!predicted) return `${actual}, missed`;
  return actual === predicted ? `${actual}, right` : `${actual}, taken for ${predicted}`;
}

function told(own: Counts, their: Counts | undefined, actual: string, predicted: string): string {
  const number = own.at(actual, predicted);
  if (!their) return `${said(actual, predicted)}: ${count(number)}`;
  const other = their.at(actual, predicted);
  return `${said(actual, predicted)}: ${count(number)} less ${count(other)} is ${signed(number - other)}`;
}

function kindOf(actual: string, predicted: string): string {
  return actual === predicted ? "right" : predicted ? (actual ? "wrong" : "alarm") : "missed";
}

/** How strongly a cell is coloured: by the logarithm, or the diagonal drowns all else. */
function heat(value: number, largest: number, shade: View["shade"]): number {
  const size = Math.abs(value);
  return Math.min(1, shade === "log" ? Math.log1p(size) / Math.log1p(largest) : size / largest);
}

function shown(value: number, unit: View["unit"], isDifference: boolean): string {
  const text = unit === "count" ? count(Math.abs(value)) : Math.abs(value).toFixed(1);
  return isDifference && value !== 0 ? `${value > 0 ? "+" : "−"}${text}` : text;
}

/** A sum of a row or column; empty where only the service could say. */
function total(own: number | undefined, their: { value: number | undefined } | undefined): string {
  if (!their) return own === undefined ? "" : count(own);
  const change = less(own, their.value);
  return change === undefined ? "" : signed(change);
}
