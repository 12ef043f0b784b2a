import { useId, useState } from "react";
import { usePhone } from "../../lib/usePhone";
import styles from "./Fold.module.css";

/** A part that is a line with its name until it is opened, where the screen is a phone's; elsewhere it is always there. */
export function Fold({ title, children }: { title: string; children: React.ReactNode }) {
  const id = useId();
  const phone = usePhone();
  const [open, setOpen] = useState(false);
  if (!phone) return children;
  return (
    <div className={styles.fold}>
      <button
        type="button"
        className={`control ${styles.name}`}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        {title} <span aria-hidden="true">{open ? "▴" : "▾"}</span>
      </button>
      <div id={id}>{open && children}</div>
    </div>
  );
}
