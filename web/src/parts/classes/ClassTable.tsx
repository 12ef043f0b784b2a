import { createColumnHelper, flexRender, getCoreRowModel, useReactTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { DropdownMenu } from "radix-ui";
import { Fragment, memo, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { type Beside, useBeside } from "../../api/classes";
import type { ClassScores } from "../../api/schema";
import { featureOf, nameOfLabel } from "../../lib/classLabel";
import { isolated } from "../../lib/bidi";
import { count, ratio, signed } from "../../lib/format";
import { linesInSight } from "../../lib/inSight";
import { PAGE, useClasses } from "../../lib/useClasses";
import { useNarrow } from "../../lib/useNarrow";
import { useNear } from "../../lib/useNear";
import { useAtRest } from "../../lib/useAtRest";
import { type Column, COLUMNS } from "../../state/lower";
import type { SetView, View } from "../../state/view";
import styles from "./ClassTable.module.css";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";
import { Sparkline } from "./Sparkline";

interface Look {
  /** How the column is called. */
  title: string;
  meaning: string;
  kind: "count" | "ratio" | "curve";
  /** For the other run: whether less is better, or neither. */
  better?: "more" | "fewer";
}

const LOOKS: Record<Column, Look> = {
  annotations: { title: "annotations", meaning: "how many are annotated", kind: "count" },
  predictions: { title: "predictions", meaning: "how many are predicted at this confidence", kind: "count" },
  tp: { title: "TP", meaning: "true positives", kind: "count", better: "more" },
  fp: { title: "FP", meaning: "false positives", kind: "count", better: "fewer" },
  fn: { title: "FN", meaning: "false negatives", kind: "count", better: "fewer" },
  tn: { title: "TN", meaning: "true negatives: of answers to questions only", kind: "count", better: "more" },
  precision: { title: "precision", meaning: "of the predictions, the correct ones", kind: "ratio", better: "more" },
  recall: { title: "recall", meaning: "of the annotations, the found ones", kind: "ratio", better: "more" },
  f1: { title: "F1", meaning: "harmonic mean of precision and recall", kind: "ratio", better: "more" },
  mean_iou: { title: "mean IoU", meaning: "of the true positives", kind: "ratio", better: "more" },
  dice: { title: "Dice", meaning: "mean Dice coefficient of the true positives", kind: "ratio", better: "more" },
  jaccard: { title: "Jaccard", meaning: "TP / (TP + FP + FN)", kind: "ratio", better: "more" },
  specificity: { title: "specificity", meaning: "of answers to questions only", kind: "ratio", better: "more" },
  curve: { title: "PR curve", meaning: "precision over recall; the dot is the present confidence", kind: "curve" },
};

const NARROW = ["f1", ...COLUMNS.filter((name) => name !== "f1")] as const satisfies Column[];

/** So many classes have their curves asked for at once. */
const PART = 25;
/** A line for the figures, and one for how they differ; on a narrow screen, what a finger can hit. */
const ROW_HEIGHT = { alone: 34, compared: 44, touched: 44 };
const GROUP_HEIGHT = 30;
const HEAD_HEIGHT = 33;
/** What more classes take than are in sight at once, with the line below that says so. */
const HEIGHT = 445;
const helper = createColumnHelper<ClassScores>();

/** The labels that are in sight, in parts; each by name, so that in another order it is the same part. */
function partsOf(classes: ClassScores[], first: number, last: number): string[][] {
  const found: string[][] = [];
  for (let at = Math.floor(first / PART) * PART; at <= last && at < classes.length; at += PART)
    found.push(
      classes
        .slice(at, at + PART)
        .map((one) => one.label)
        .sort(),
    );
  return found;
}

export const ClassTable = memo(function ClassTable({ subject, versus, view, setView }: PartProps) {
  const panel = useRef<HTMLElement>(null);
  const near = useNear(panel);
  // Drawn once before it comes near, so that it has its height by then; from then on only where it is looked at.
  const [drawn, setDrawn] = useState(false);
  const asked = near || !drawn ? subject : null;
  const { classes, answers, totals, isFetching, error, again, more } = useClasses(asked, view, near);
  if (totals && !drawn) setDrawn(true);
  const all = useMemo(() => [...classes, ...answers], [classes, answers]);
  return (
    <section className={`panel ${styles.panel}`} aria-labelledby="classes" ref={panel} aria-busy={isFetching}>
      <header>
        <h2 id="classes">Classes</h2>
        <span className="muted number" data-figure="classes-total">
          {totals ? counted(totals) : "…"}
        </span>
        <div className={styles.tools}>
          <input
            className="control"
            style={{ width: 150 }}
            placeholder="Find a class"
            aria-label="Find a class in the table"
            value={view.cq}
            onChange={(event) => setView({ cq: event.target.value }, { history: "replace" })}
          />
          <Columns view={view} setView={setView} />
        </div>
      </header>
      {error ? (
        <Failed error={error} again={again} />
      ) : !totals ? (
        <div style={{ minHeight: HEIGHT }}>
          <Loading what="classes" />
        </div>
      ) : all.length === 0 ? (
        <Empty title="No class here.">Nothing passes the filters and thresholds, or the search.</Empty>
      ) : (
        <Table
          {...{ subject: near ? subject : null, versus: near ? versus : null, view, setView, classes: all, more }}
          total={totals[0] + totals[1]}
          // Where answers begin, with a line of its own; where there is nothing but answers, none is needed.
          answersFrom={classes.length > 0 && answers.length > 0 ? classes.length : null}
        />
      )}
    </section>
  );
});

/** `10 classes + 2 answers`. */
function counted([classes, answers]: [number, number]): string {
  const parts = [
    ...(classes > 0 || answers === 0 ? [`${count(classes)} ${classes === 1 ? "class" : "classes"}`] : []),
    ...(answers > 0 ? [`${count(answers)} ${answers === 1 ? "answer" : "answers"}`] : []),
  ];
  return parts.join(" + ");
}

interface TableProps extends PartProps {
  classes: ClassScores[];
  /** How many there are, loaded or not. */
  total: number;
  answersFrom: number | null;
  more: () => void;
}

function Table({ subject, versus, view, setView, classes, total, answersFrom, more }: TableProps) {
  const scroll = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const columns = useMemo(
    () =>
      // On a narrow screen only the first columns are seen.
      (["label", ...(narrow ? NARROW : COLUMNS).filter((name) => view.cols.includes(name))] as const).map((id) =>
        helper.display({ id, header: id === "label" ? "class" : LOOKS[id].title }),
      ),
    [view.cols, narrow],
  );
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is compiled by React's compiler
  const table = useReactTable({ data: classes, columns, manualSorting: true, getCoreRowModel: getCoreRowModel() });
  const rows = table.getRowModel().rows;
  const height = narrow ? ROW_HEIGHT.touched : versus ? ROW_HEIGHT.compared : ROW_HEIGHT.alone;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: (i) => height + (i === answersFrom ? GROUP_HEIGHT : 0),
    overscan: 8,
  });
  useEffect(() => virtual.measure(), [virtual, height, answersFrom]);
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  const atTheEnd = useEffectEvent(more);
  useEffect(() => {
    if (last >= rows.length - PAGE / 4) atTheEnd();
  }, [last, rows.length]);
  const parts = useMemo(() => partsOf(classes, first, last), [classes, first, last]);
  // A hundred curves are not drawn anew at every step of a drag, nor asked for because it changes the order.
  const beside = useBeside(subject, versus, useAtRest(view), useAtRest(parts), view.cols.includes("curve"));
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const sortBy = (id: string) => {
    // Counts are looked at from the largest, scores from the worst.
    const falls = id !== "label" && LOOKS[id as Column].kind === "count";
    const down = view.csort === id ? view.cdesc !== "1" : falls;
    setView({ csort: id, cdesc: down ? "1" : null });
  };
  // What is seen is less than what scrolls by: the head covers some of it.
  const top = virtual.scrollOffset ?? 0;
  const bottom = top + (virtual.scrollRect?.height ?? 0) - HEAD_HEIGHT;
  const [from, to] = linesInSight(items, height, top, bottom) ?? [first, last];
  return (
    <>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <section className={`cut ${styles.scroll}`} ref={scroll} tabIndex={0} aria-label="Classes and their scores">
        <table className={styles.table}>
          <thead>
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id}>
                {group.headers.map((header) => {
                  const sorted = view.csort !== header.id ? "none" : view.cdesc === "1" ? "descending" : "ascending";
                  const look = LOOKS[header.id as Column] as Look | undefined;
                  const name = flexRender(header.column.columnDef.header, header.getContext());
                  return (
                    <th key={header.id} scope="col" aria-sort={sorted} title={look?.meaning}>
                      {look?.kind === "curve" ? (
                        <span className={styles.fixed}>{name}</span>
                      ) : (
                        <button type="button" onClick={() => sortBy(header.id)}>
                          {name}
                          <span aria-hidden="true" className={styles.arrow}>
                            {sorted === "ascending" ? "↑" : sorted === "descending" ? "↓" : ""}
                          </span>
                        </button>
                      )}
                    </th>
                  );
                })}
              </tr>
            ))}
          </thead>
          <tbody>
            {before > 0 && <tr style={{ height: before }} aria-hidden="true" />}
            {items.map(({ index }) => {
              const row = rows[index];
              if (!row) return null;
              const one = row.original;
              const own = beside.get(one.label);
              const feature = featureOf(one.label);
              const chosen = view.f.includes(feature);
              const line = (
                <tr key={one.label} data-chosen={chosen} data-class={one.label} style={{ height }}>
                  {row.getVisibleCells().map((cell) =>
                    cell.column.id === "label" ? (
                      <td key={cell.id}>
                        <button
                          type="button"
                          className={styles.name}
                          aria-pressed={chosen}
                          title={chosen ? `Show all classes again` : `Show only ${isolated(feature)}`}
                          onClick={() =>
                            setView({ f: chosen ? view.f.filter((f) => f !== feature) : [...view.f, feature] })
                          }
                        >
                          {own?.color && <i style={{ background: own.color }} />}
                          <bdi>{nameOfLabel(one.label)}</bdi>
                        </button>
                      </td>
                    ) : (
                      <td key={cell.id} className="number" data-column={cell.column.id}>
                        <Figure
                          one={one}
                          column={cell.column.id as Column}
                          beside={own}
                          view={view}
                          run={versus?.run}
                        />
                      </td>
                    ),
                  )}
                </tr>
              );
              if (index !== answersFrom) return line;
              return (
                <Fragment key={one.label}>
                  <tr className={styles.group} style={{ height: GROUP_HEIGHT }}>
                    <th scope="rowgroup" colSpan={columns.length}>
                      answers to questions
                    </th>
                  </tr>
                  {line}
                </Fragment>
              );
            })}
            {after > 0 && <tr style={{ height: after }} aria-hidden="true" />}
          </tbody>
        </table>
      </section>
      {to - from + 1 < total && (
        <p className={`muted number ${styles.sight}`} data-figure="classes-in-sight">
          {count(from + 1)}–{count(to + 1)} of {count(total)}
          {to + 1 < total && ", scroll for more ↓"}
        </p>
      )}
    </>
  );
}

interface FigureProps {
  one: ClassScores;
  column: Column;
  beside: Beside | undefined;
  view: View;
  run: string | undefined;
}

/** A figure of a class, and how it differs from the other run's. */
function Figure({ one, column, beside, view, run }: FigureProps) {
  if (column === "curve") return <Sparkline curve={beside?.curve} confidence={view.c} />;
  const { kind, better } = LOOKS[column];
  const value = one[column];
  const [own, other] = [beside?.own?.[column], beside?.other?.[column]];
  return (
    <>
      {kind === "count" ? (
        value === null ? (
          <span className="muted">n/a</span>
        ) : (
          <span className={styles.count}>{count(value)}</span>
        )
      ) : (
        <Bar value={value} />
      )}
      {run !== undefined && better && typeof own === "number" && typeof other === "number" && (
        <Difference change={own - other} fewer={better === "fewer"} run={run} whole={kind === "count"} />
      )}
    </>
  );
}

function Difference({ change, fewer, run, whole }: { change: number; fewer: boolean; run: string; whole: boolean }) {
  const better = change === 0 ? "same" : change > 0 !== fewer ? "better" : "worse";
  return (
    <span
      className={styles.difference}
      data-change={better}
      title={`than ${isolated(run)}, over the data rows of both: ${better}`}
    >
      {whole ? signed(change) : signed(change).replace(/(\.\d{3})\d+/, "$1")}
    </span>
  );
}

function Bar({ value }: { value: number | null | undefined }) {
  if (value === undefined || value === null) return <span className="muted">n/a</span>;
  return (
    <span className={styles.bar} style={{ "--share": value } as React.CSSProperties}>
      {ratio(value)}
    </span>
  );
}

/** Which columns there are: a menu with a tick for each. */
function Columns({ view, setView }: { view: View; setView: SetView }) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger className="control">Columns</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={styles.menu} align="end" sideOffset={4}>
          {COLUMNS.map((name) => (
            <DropdownMenu.CheckboxItem
              key={name}
              className={styles.item}
              checked={view.cols.includes(name)}
              onCheckedChange={(on) =>
                setView({ cols: COLUMNS.filter((one) => (one === name ? on : view.cols.includes(one))) })
              }
              onSelect={(event) => event.preventDefault()}
            >
              <span className={styles.tick}>
                <DropdownMenu.ItemIndicator>✓</DropdownMenu.ItemIndicator>
              </span>
              {LOOKS[name].title}
              <span className="muted">{LOOKS[name].meaning}</span>
            </DropdownMenu.CheckboxItem>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
