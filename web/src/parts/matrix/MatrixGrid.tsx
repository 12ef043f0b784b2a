import { useMemo, useRef, useState } from "react";
import { isolated } from "../../lib/bidi";
import { count, signed } from "../../lib/format";
import { isAnswerLabel, nameOfLabel } from "../../lib/classLabel";
import { type Counts, hasOthers, type Label, minus, share } from "../../lib/matrix";
import { cellOf, ofSum } from "../../lib/selection";
import { usePhone } from "../../lib/usePhone";
import type { View } from "../../state/view";
import styles from "./ConfusionMatrix.module.css";
import { Middle } from "../shared/Middle";
import { Wrapped } from "../shared/Wrapped";
import type { PartProps } from "../shared/props";

interface Props extends Pick<PartProps, "view" | "setView"> {
  labels: string[];
  own: Counts;
  /** To be taken from one's own, if there are any. */
  their: Counts | undefined;
}

/** The cells, a class a row and a class a column. A click chooses a cell; the arrow keys lead from one to the next. */
export function MatrixGrid({ labels, own, their, view, setView }: Props) {
  // Nothing at all comes first: what it holds is asked for most.
  const others = hasOthers(own) || (their !== undefined && hasOthers(their));
  const columns = useMemo(() => ["", ...labels, ...(others ? [null] : [])], [labels, others]);
  const rows = columns;
  // A finger needs rows so high that a name has room for several lines; a line that is cut says less.
  const RowName = usePhone() ? Wrapped : Middle;
  const table = useRef<HTMLTableElement>(null);
  const [at, setAt] = useState("");
  const values = useMemo(
    () =>
      columns.map((actual) =>
        columns.map((predicted) => {
          const value = share(own, view.unit, actual, predicted);
          return their ? minus(value, share(their, view.unit, actual, predicted)) : value;
        }),
      ),
    [columns, own, their, view.unit],
  );
  const text = (row: number, column: number) => {
    const value = values[row]?.[column];
    return value === undefined ? "n/a" : shown(value, view.unit, their !== undefined);
  };
  const sums = {
    actual: rows.map((label) => total(own.ofActual(label), their?.ofActual(label))),
    predicted: columns.map((label) => total(own.ofPredicted(label), their?.ofPredicted(label))),
    all: total(own.all, their?.all),
  };
  const widest = (texts: string[]) => Math.max(...texts.map((one) => one.length));
  const room = {
    "--columns": columns.length,
    "--letters": widest([
      ...rows.flatMap((_, row) => columns.map((_, column) => text(row, column))),
      ...sums.predicted,
    ]),
    "--sum-letters": Math.max(3, widest([...sums.actual, sums.all])),
  } as React.CSSProperties;
  const firstAnswer = columns.findIndex((label) => label !== null && isAnswerLabel(label));
  /** Marks where answers to questions begin, if there are objects before them. */
  const begins = (at: number) => (at === firstAnswer && at > 1 ? "" : undefined);
  // The strongest colour is that of the largest cell shown.
  const named = labels.length + 1;
  const largest = Math.max(
    1,
    ...values.slice(0, named).flatMap((row) => row.slice(0, named).map((value) => Math.abs(value ?? 0))),
  );
  const isFilled = (actual: Label, predicted: Label) =>
    own.at(actual, predicted) > 0 || (their !== undefined && their.at(actual, predicted) > 0);
  /** Whether there is a cell to choose: what is not shown is a number only. */
  const isThere = (row: number, column: number) =>
    row < named && column < named && isFilled(rows[row] ?? "", columns[column] ?? "");
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
      <table className={styles.grid} data-few={columns.length <= 3} style={room} ref={table} onKeyDown={move}>
        <colgroup>
          <col />
          <col span={columns.length} className={styles.cells} />
          <col className={styles.sums} />
        </colgroup>
        <thead>
          <tr>
            <td rowSpan={2} className={styles.axis}>
              ground truth ↓
            </td>
            <td colSpan={columns.length + 1} className={styles.axis}>
              prediction →
            </td>
          </tr>
          <tr>
            {columns.map((label, column) => (
              <th
                key={keyOf(label)}
                scope="col"
                className={label ? "" : styles.nothing}
                title={label === null ? OTHERS : nameOfLabel(label) || MISSED}
                data-answers={begins(column)}
              >
                <Middle>{label === null ? "other" : nameOfLabel(label) || "missed"}</Middle>
              </th>
            ))}
            <th scope="col" className={styles.sum}>
              <span>all</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((actual, row) => (
            <tr key={keyOf(actual)} data-answers={begins(row)}>
              <th
                scope="row"
                className={actual ? "" : styles.nothing}
                title={actual === null ? OTHERS : nameOfLabel(actual) || FALSE_ALARM}
              >
                <RowName>{actual === null ? "other" : nameOfLabel(actual) || "false alarm"}</RowName>
              </th>
              {columns.map((predicted, column) => {
                if (actual === null || predicted === null) {
                  return (
                    <td
                      key={keyOf(predicted)}
                      className={`number ${styles.other}`}
                      title={told(own, their, actual, predicted)}
                      data-answers={begins(column)}
                    >
                      {isFilled(actual, predicted) && text(row, column)}
                    </td>
                  );
                }
                if (!isThere(row, column)) {
                  return (
                    <td
                      key={predicted}
                      className={actual || predicted ? styles.empty : ""}
                      data-answers={begins(column)}
                    />
                  );
                }
                const place = `${row} ${column}`;
                const value = values[row]?.[column];
                const chosen = view.actual === actual && view.predicted === predicted;
                const figure = text(row, column);
                const words = told(own, their, actual, predicted) + (view.unit === "count" ? "" : `, ${figure} %`);
                return (
                  <td key={predicted} data-answers={begins(column)}>
                    <button
                      type="button"
                      className={`number ${styles.cell}`}
                      data-at={place}
                      tabIndex={place === stop ? 0 : -1}
                      data-kind={their ? changeOf(actual, predicted, value ?? 0) : kindOf(actual, predicted)}
                      style={{ "--heat": heat(value ?? 0, largest, view.shade) } as React.CSSProperties}
                      aria-pressed={chosen}
                      aria-label={words}
                      title={words}
                      onFocus={() => setAt(place)}
                      onClick={() => {
                        // What only the other run has can be shown of that one only.
                        const whose = their && own.at(actual, predicted) === 0 ? "b" : null;
                        setView(
                          chosen
                            ? { actual: null, predicted: null, whose: null }
                            : { actual, predicted, row: null, whose },
                        );
                      }}
                    >
                      {figure}
                    </button>
                  </td>
                );
              })}
              <td className={`number ${styles.sum}`} data-sum-of-actual={actual ?? "(other)"}>
                <Sum side="actual" label={actual} text={sums.actual[row] ?? ""} {...{ view, setView }} />
              </td>
            </tr>
          ))}
          <tr>
            <th scope="row" className={styles.sum}>
              all
            </th>
            {columns.map((predicted, column) => (
              <td
                key={keyOf(predicted)}
                className={`number ${styles.sum}`}
                data-sum-of-predicted={predicted ?? "(other)"}
                data-answers={begins(column)}
              >
                <Sum side="predicted" label={predicted} text={sums.predicted[column] ?? ""} {...{ view, setView }} />
              </td>
            ))}
            <td className={`number ${styles.sum}`} title="Everything that is counted here" data-figure="matrix-all">
              {sums.all}
            </td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}

interface SumProps extends Pick<PartProps, "view" | "setView"> {
  side: "actual" | "predicted";
  label: Label;
  text: string;
}

/** All of a row or a column; a click shows these objects. What is not shown is a number only. */
function Sum({ side, label, text, view, setView }: SumProps) {
  if (label === null) return text;
  const { isChosen, change } = ofSum(view, side, label);
  const other = side === "actual" ? { actual: label, predicted: null } : { actual: null, predicted: label };
  return (
    <button
      type="button"
      className={`number ${styles.total}`}
      aria-pressed={isChosen}
      aria-label={`${text}: ${cellOf(other) ?? ""}`}
      onClick={() => setView(change)}
    >
      {text}
    </button>
  );
}

const MISSED = "missed: an annotation that no prediction is matched to";
const OTHERS = "all classes that are not shown";
const FALSE_ALARM = "false alarm: a prediction where nothing is annotated (background FP)";

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** A key for each row and column. */
const keyOf = (label: Label) => (label === null ? "others" : `class ${label}`);

function said(ownActual: Label, ownPredicted: Label): string {
  const [actual, predicted] = [ownActual, ownPredicted].map((label) => label && isolated(nameOfLabel(label)));
  if (actual === null && predicted === null) return "classes that are not shown, among themselves";
  if (actual === null) return predicted ? `another class, taken for ${predicted}` : "other classes, missed";
  if (predicted === null)
    return actual ? `${actual}, taken for another class` : "false alarm, predicted as another class";
  if (!actual) return `false alarm, predicted as ${predicted}`;
  if (!predicted) return `${actual}, missed`;
  return actual === predicted ? `${actual}, correct` : `${actual}, taken for ${predicted}`;
}

function told(own: Counts, their: Counts | undefined, actual: Label, predicted: Label): string {
  const number = own.at(actual, predicted);
  if (!their) return `${said(actual, predicted)}: ${count(number)}`;
  const other = their.at(actual, predicted);
  return `${said(actual, predicted)}: ${count(number)} less ${count(other)} is ${signed(number - other)}`;
}

function kindOf(actual: string, predicted: string): string {
  return actual === predicted ? "right" : predicted ? (actual ? "wrong" : "alarm") : "missed";
}

/** Whether a cell of one run less the other is better in that run: more that is correct, or less that is not. */
function changeOf(actual: string, predicted: string, change: number): string {
  return change === 0 ? "same" : change > 0 === (actual === predicted) ? "better" : "worse";
}

/** How strongly a cell is coloured: by the logarithm, or the diagonal drowns all else. */
function heat(value: number, largest: number, shade: View["shade"]): number {
  const size = Math.abs(value);
  return Math.min(1, shade === "log" ? Math.log1p(size) / Math.log1p(largest) : size / largest);
}

function shown(value: number, unit: View["unit"], isDifference: boolean): string {
  const text =
    unit === "count"
      ? count(Math.abs(value))
      : Math.abs(value)
          .toFixed(1)
          .replace(/^100\.0$/, "100");
  return isDifference && value !== 0 ? `${value > 0 ? "+" : "−"}${text}` : text;
}

/** A sum, or how far it is from that of the other run. */
function total(own: number, their: number | undefined): string {
  return their === undefined ? count(own) : signed(own - their);
}
