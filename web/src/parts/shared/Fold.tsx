import { useId, useState } from "react";
import { usePhone } from "../../lib/usePhone";
import styles from "./Fold.module.css";

interface Props {
  title: string;
  /** The part has a heading that says something else than the title: it stays when the part is open. */
  otherwise?: boolean;
  children: React.ReactNode;
}

/** A part that is a line with its name until it is opened, where the screen is a phone's; elsewhere it is always there. */
export function Fold({ title, otherwise = false, children }: Props) {
  const id = useId();
  const phone = usePhone();
  const [open, setOpen] = useState(false);
  if (!phone) return children;
  return (
    <div className={styles.fold} data-open={open} data-otherwise={otherwise}>
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
