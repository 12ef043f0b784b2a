import { isolated } from "../../lib/bidi";
import type { Compared } from "../../lib/compared";
import { count, ratio, signed } from "../../lib/format";
import styles from "./ChangedTable.module.css";
import type { ComparedProps } from "../shared/props";
import { Run } from "./Run";
import { Pager } from "../shared/Pager";

interface Item extends Compared {
  name: string;
  /** Whether the page is narrowed to it, and how to change that. */
  set: { chosen: boolean; toggle: (() => void) | null };
}

interface Props extends ComparedProps {
  title: string;
  what: "class" | "slice";
  items: Item[];
  total: number;
  from: number;
  size: number;
  page: (from: number) => void;
}

/** Classes or slices with the figure of both runs, what lies between, and how many objects flip. */
export function ChangedTable({ title, what, items, total, from, size, page, subject, versus, view }: Props) {
  const figure = view.change === "flips" ? "f1" : view.change;
  const widest = Math.max(...items.map((one) => Math.abs(one.difference[figure] ?? 0)), 1e-9);
  const id = `changed-${what}`;
  return (
    <section className={styles.panel} aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {items.length === 0 ? (
        <p className="muted">
          {total > 0
            ? "There are none on this page; go back."
            : what === "slice"
              ? "Data rows here have one split only, and no metadata with few values."
              : "No class counts here."}
        </p>
      ) : (
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">{what}</th>
              <th scope="col" className={styles.figure} title={`${NAMES[figure]} of ${isolated(subject.run)}`}>
                <Run which="a" name={subject.run} />
              </th>
              <th scope="col" className={styles.figure} title={`${NAMES[figure]} of ${isolated(versus.run)}`}>
                <Run which="b" name={versus.run} />
              </th>
              <th scope="col">{NAMES[figure]} difference</th>
              <th
                scope="col"
                title={`Objects on which only ${isolated(subject.run)} is correct, and those on which only ${isolated(versus.run)} is`}
              >
                only A : only B
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((one) => (
              <tr key={one.name} data-changed={one.name} data-chosen={one.set.chosen}>
                <th scope="row">
                  <button
                    type="button"
                    className={styles.name}
                    aria-pressed={one.set.chosen}
                    disabled={!one.set.toggle}
                    // The beginning of a name is what is seen of it, in whichever direction it is read.
                    dir="auto"
                    title={one.set.chosen ? `Show all again` : `Show only ${isolated(one.name)}`}
                    onClick={() => one.set.toggle?.()}
                  >
                    <bdi>{one.name}</bdi>
                  </button>
                  {/* Where there is no room for columns. */}
                  <span className={`number muted ${styles.both}`}>
                    {ratio(one.a[figure])} : {ratio(one.b[figure])}
                  </span>
                </th>
                <td className={`number ${styles.figure}`}>{ratio(one.a[figure])}</td>
                <td className={`number ${styles.figure}`}>{ratio(one.b[figure])}</td>
                <td>
                  <Gap value={one.difference[figure]} widest={widest} />
                </td>
                <td
                  className="number"
                  title={`Only ${isolated(subject.run)} correct: ${count(one.right.only_a)}, only ${isolated(versus.run)}: ${count(one.right.only_b)}`}
                >
                  <span className={styles.a}>{count(one.right.only_a)}</span>
                  <span className="muted"> : </span>
                  <span className={styles.b}>{count(one.right.only_b)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Pager what={what === "class" ? "classes" : "slices"} {...{ from, size, total, page }} />
    </section>
  );
}

const NAMES = { f1: "F1", precision: "Precision", recall: "Recall" };

/** A difference as a bar from the middle: to the right where the first run is better. */
function Gap({ value, widest }: { value: number | null; widest: number }) {
  if (value === null) return <span className="muted">n/a</span>;
  const share = Math.abs(value) / widest;
  return (
    <span className={styles.gap}>
      <span className={styles.track} aria-hidden="true">
        <i data-run={value >= 0 ? "a" : "b"} style={{ "--share": share } as React.CSSProperties} />
      </span>
      <span className="number">{signed(value)}</span>
    </span>
  );
}
