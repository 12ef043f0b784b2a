import type { Row, RowObject } from "../../api/schema";
import { colorOf, explainedOutcomes, type Outcome, OUTCOMES } from "../../lib/outcome";
import styles from "./Mark.module.css";

/** The shape of each outcome on a field of 12 by 12: colours alone are not told apart by everybody. */
const SHAPES: Record<Outcome, React.ReactNode> = {
  tp: <path d="M2.5 6.5 5 9 9.5 3.5" />,
  fp: <path d="M3 3 9 9M9 3 3 9" />,
  fn: <circle cx="6" cy="6" r="3.4" strokeDasharray="2.2 1.4" />,
  ignored: <path d="M2.5 6h7" />,
};

/** The sign of an outcome beside its word. */
export function Mark({ outcome, size = 12 }: { outcome: RowObject["outcome"]; size?: number }) {
  if (!outcome) return null;
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 12 12"
      fill="none"
      stroke={colorOf(outcome)}
      strokeWidth="2"
      strokeLinecap="round"
      aria-hidden="true"
      style={{ flex: "none" }}
    >
      {SHAPES[outcome]}
    </svg>
  );
}

/** The same upon a picture, on a disc so that it is seen on any ground. */
export function Pin({ outcome, x, y, size }: { outcome: Outcome; x: number; y: number; size: number }) {
  return (
    <g transform={`translate(${x} ${y}) scale(${size / 12})`} pointerEvents="none">
      <circle cx="6" cy="6" r="6.4" fill="var(--surface)" stroke="none" />
      <g stroke={colorOf(outcome)} strokeWidth="2" strokeLinecap="round" fill="none">
        {SHAPES[outcome]}
      </g>
    </g>
  );
}

/** What the signs and lines mean. */
export function Legend({ rows }: { rows: Row[] }) {
  return (
    <ul className={styles.legend} aria-label="What the colours and signs mean">
      {explainedOutcomes(rows).map((outcome) => (
        <li key={outcome}>
          <Mark outcome={outcome} /> {OUTCOMES[outcome].words}
        </li>
      ))}
      <li>
        <svg width="20" height="6" viewBox="0 0 20 6" aria-hidden="true" stroke="currentColor" strokeWidth="2">
          <path d="M0 3H20" strokeDasharray="5 3" />
        </svg>{" "}
        dashed: annotation
      </li>
    </ul>
  );
}
