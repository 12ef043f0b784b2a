import type { Comparison } from "../../api/schema";
import { cellNames, totalOf } from "../../lib/compared";
import { count } from "../../lib/format";
import type { Kind } from "../../state/comparison";
import type { ComparedProps } from "../shared/props";
import { Run } from "./Run";
import styles from "./FourCells.module.css";

interface Props extends ComparedProps {
  answer: Comparison;
}

/** Annotations by which run is correct; a cell shows its objects below. */
export function FourCells({ answer, subject, versus, view, setView }: Props) {
  const total = totalOf(answer);
  const names = cellNames(subject.run, versus.run);
  const cell = (kind: Kind) => {
    const own = answer.right[kind];
    const share = total > 0 ? `${((100 * own) / total).toFixed(1)}%` : "n/a";
    return (
      <td>
        <button
          type="button"
          className={styles.cell}
          data-cell={kind}
          aria-pressed={view.flip === kind}
          aria-label={`${count(own)} ${share}: ${names[kind]}`}
          title={names[kind]}
          onClick={() => setView({ flip: kind, flips: "all", flipfrom: null })}
        >
          <span className={`number ${styles.count}`}>{count(own)}</span>{" "}
          <span className={`number ${styles.share}`}>{share}</span>
        </button>
      </td>
    );
  };
  return (
    <section aria-labelledby="four-cells">
      <h3 id="four-cells">Objects by which run is correct</h3>
      <table className={styles.cells}>
        <thead>
          <tr>
            <td />
            <th scope="col">
              <Run which="b" name={versus.run} /> correct
            </th>
            <th scope="col">incorrect</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">
              <Run which="a" name={subject.run} /> correct
            </th>
            {cell("both")}
            {cell("only_a")}
          </tr>
          <tr>
            <th scope="row">incorrect</th>
            {cell("only_b")}
            {cell("neither")}
          </tr>
        </tbody>
      </table>
      <p className="muted">A cell shows its objects below.</p>
    </section>
  );
}
