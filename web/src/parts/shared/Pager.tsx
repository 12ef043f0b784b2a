import { count } from "../../lib/format";
import { pageAt } from "../../lib/paging";
import styles from "./Pager.module.css";

interface Props {
  what: string;
  from: number;
  size: number;
  total: number;
  page: (from: number) => void;
}

/** Which part of a list is shown, and the way to its neighbours; nothing where all of it is. */
export function Pager({ what, from, size, total, page }: Props) {
  if (total <= size && from === 0) return null;
  const to = Math.min(from + size, total);
  return (
    <div className={styles.pager}>
      <button
        type="button"
        className="control"
        disabled={from === 0}
        aria-label={`Previous ${what}`}
        onClick={() => page(pageAt(Math.max(0, from - size), total, size))}
      >
        ←
      </button>
      <span className="number muted" role="status">
        {from < total ? `${count(from + 1)}–${count(to)} of ${count(total)}` : `none of ${count(total)}`} {what}
      </span>
      <button
        type="button"
        className="control"
        disabled={from + size >= total}
        aria-label={`Next ${what}`}
        onClick={() => page(from + size)}
      >
        →
      </button>
    </div>
  );
}
