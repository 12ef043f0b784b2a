import type { Figure, Sheet } from "../../lib/figures/sheet";
import { count, ratio, short } from "../../lib/format";
import styles from "./SheetTable.module.css";

/** A table of figures; one that is not defined says why. */
export function SheetTable({ title, head, lines }: Sheet) {
  return (
    <table className={styles.sheet}>
      {title && <caption>{title}</caption>}
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              <bdi>{name}</bdi>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {lines.map(({ name, figures, reasons }) => (
          <tr key={name}>
            <th scope="row" title={name}>
              <bdi>{name}</bdi>
            </th>
            {figures.map((figure) => (
              <td key={figure.name} className="number" data-name={figure.name}>
                <Value figure={figure} reason={reasons[figure.name]} />
              </td>
            ))}
          </tr>
        ))}
        {lines.length === 0 && (
          <tr>
            <td colSpan={head.length} className="muted" style={{ textAlign: "left" }}>
              Nothing passes the filters and thresholds.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

const IN_WORDS = { count, ratio, plain: short };

function Value({ figure: { value, kind }, reason }: { figure: Figure; reason: string | undefined }) {
  if (value === null || value === undefined)
    return (
      <span className={`muted ${styles.none}`} title={reason}>
        n/a
        {reason && <span className="visually-hidden">: {reason}</span>}
      </span>
    );
  return IN_WORDS[kind](value);
}
