import { Fragment } from "react";
import styles from "./Wrapped.module.css";

/** A name over as many as three lines, which ends a line where its parts do: `question=` and its answer, for instance. */
export function Wrapped({ children: text }: { children: string }) {
  const parts = text.split(/(?<=[=/_.|-])/);
  return (
    <span title={text}>
      <span className={styles.wrapped} dir="auto">
        {parts.map((part, i) => (
          <Fragment key={i}>
            {i > 0 && <wbr />}
            {part}
          </Fragment>
        ))}
      </span>
    </span>
  );
}
