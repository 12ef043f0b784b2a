import { useEffect, useRef, useState } from "react";
import { count } from "../../lib/format";
import { chosenOf, NONE_CHOSEN } from "../../lib/selection";
import { type Item, Picture } from "./Card";
import type { Skeletons } from "../detail/Overlay";
import type { PartProps } from "../shared/props";
import styles from "./SelectionBar.module.css";

interface Props extends Pick<PartProps, "view" | "setView"> {
  /** What the gallery shows, and how many there are; not known yet while they are loaded. */
  what: "data row" | "object";
  total: number | undefined;
  items: Item[];
  skeletons: Skeletons;
}

/** So much of the gallery must be on the screen for its own heading to say what was chosen, in pixels. */
const SEEN = 100;
const CROPS = 5;
const CROP_WIDTH = 56;

/** What was chosen further up, at the foot of the screen as long as the gallery, which it stands in, is out of sight. */
export function SelectionBar({ what, total, items, skeletons, view, setView }: Props) {
  const own = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState(true);
  useEffect(() => {
    const gallery = own.current?.parentElement;
    if (!gallery) return;
    const observer = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? true), {
      rootMargin: `0px 0px -${SEEN}px 0px`,
    });
    observer.observe(gallery);
    return () => observer.disconnect();
  }, []);
  const chosen = chosenOf(view);
  const open = !seen && chosen.length > 0;
  const show = () => {
    const gallery = own.current?.parentElement;
    const heading = gallery?.querySelector("h2");
    gallery?.scrollIntoView({ block: "start" });
    // The bar goes: what comes next by keyboard is the gallery.
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  };
  return (
    <aside ref={own} className={open ? styles.bar : undefined} aria-label="What was chosen">
      <p role="status" className={styles.words}>
        {open && (
          <>
            <b className="number">{total === undefined ? "…" : `${count(total)} ${what}${total === 1 ? "" : "s"}`}</b>:{" "}
            {chosen.join(", ")}
          </>
        )}
      </p>
      {open && (
        <>
          <div className={styles.crops} aria-hidden="true">
            {items
              .filter(({ row }) => row.media_url && !row.text)
              .slice(0, CROPS)
              .map((item) => (
                <span key={item.key}>
                  <Picture item={item} width={CROP_WIDTH} skeletons={skeletons} />
                </span>
              ))}
          </div>
          <button type="button" className="control primary" onClick={show}>
            Show <span aria-hidden="true">↓</span>
          </button>
          <button type="button" className="control" onClick={() => setView(NONE_CHOSEN)}>
            Clear
          </button>
        </>
      )}
    </aside>
  );
}
