import { defaultRangeExtractor, useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from "react";
import { usePhone } from "../../lib/usePhone";
import { Card, heightOf, type Item } from "./Card";
import styles from "./Gallery.module.css";
import type { Skeletons } from "../detail/Overlay";

interface Props {
  items: Item[];
  total: number;
  label: string;
  skeletons: Skeletons;
  more: () => void;
  open: (item: Item) => void;
  /** The card that the focus shall go to, if any. */
  wanted: string | null;
  want: (key: string | null) => void;
  onLost: (url: string) => void;
}

/** The least width of a card, and what is between two, in pixels; on a phone two stand beside each other. */
const CARD = { least: 216, onPhone: 150 };
const GAP = 12;
const none = () => [];
const STEPS: Record<string, (columns: number) => number> = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
  Home: () => -Infinity,
  End: () => Infinity,
};

/** Only the cards on the screen are in the page; the last ones ask for more. Arrow keys go from card to card. */
export function Cards({ items, total, label, skeletons, more, open, wanted, want, onLost }: Props) {
  const element = useRef<HTMLDivElement>(null);
  // Where it stands is not known before it does; until then no card is shown, for each has a picture to be fetched.
  const [place, setPlace] = useState<{ width: number; top: number } | null>(null);
  const { width, top } = place ?? { width: 1200, top: 0 };
  const [active, setActive] = useState(0);
  useLayoutEffect(() => {
    if (!element.current) return;
    const own = element.current;
    // What is above the gallery changes its height too: the page's own size tells.
    const observer = new ResizeObserver(() => {
      // What is not laid out has no place: its cards would be drawn at a scale of infinity.
      if (own.clientWidth > 0) setPlace({ width: own.clientWidth, top: own.getBoundingClientRect().top + scrollY });
    });
    observer.observe(own);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  const least = usePhone() ? CARD.onPhone : CARD.least;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const cardWidth = (width - GAP * (columns - 1)) / columns;
  const lines = Math.ceil(items.length / columns);
  const height = heightOf(cardWidth);
  const virtual = useWindowVirtualizer({
    count: lines,
    // Exact, so that nothing has to be measured and no correction moves the page.
    estimateSize: () => height,
    overscan: 2,
    scrollMargin: top,
    // The thresholds stay at the top of the screen, and must not cover the card that was gone to.
    scrollPaddingStart: 96,
    scrollPaddingEnd: 24,
    gap: GAP,
    rangeExtractor: place ? defaultRangeExtractor : none,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  const shown = virtual.getVirtualItems();
  const first = (shown[0]?.index ?? 0) * columns;
  const last = shown.at(-1)?.index ?? 0;
  const atTheEnd = useEffectEvent(more);
  useEffect(() => {
    if (last >= lines - 2) atTheEnd();
  }, [last, lines]);

  const scrollTo = useEffectEvent((key: string) => {
    const at = items.findIndex((item) => item.key === key);
    if (at >= 0) virtual.scrollToIndex(Math.floor(at / columns), { align: "auto" });
  });
  useEffect(() => {
    if (wanted !== null) scrollTo(wanted);
  }, [wanted]);
  // The card may come into the page only after it was scrolled to.
  useEffect(() => {
    if (wanted === null) return;
    const card = element.current?.querySelector<HTMLElement>(`[data-item="${CSS.escape(wanted)}"]`);
    if (!card) return;
    card.focus({ preventScroll: true });
    want(null);
  }, [wanted, want, shown]);

  // One card is in the order of the Tab key: where the arrows were last, or else the first one in sight.
  const behind = (last + 1) * columns;
  const focusable = active >= first && active < behind ? active : first;
  return (
    // The cards are what takes the focus; the keys only lead from one to another.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={element}
      style={{ height: virtual.getTotalSize(), position: "relative" }}
      role="group"
      aria-label={`${label}; arrow keys go from one to the next, Enter opens`}
      onKeyDown={(event) => {
        const step = STEPS[event.key];
        if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        const to = items[Math.min(Math.max(active + step(columns), 0), Math.min(items.length, total) - 1)];
        if (to) want(to.key);
      }}
      onFocus={(event) => {
        const key = event.target.closest<HTMLElement>("[data-item]")?.dataset.item;
        const at = items.findIndex((item) => item.key === key);
        if (at >= 0) setActive(at);
      }}
    >
      {shown.map((line) => (
        <div
          key={line.key}
          className={styles.line}
          style={{
            height,
            transform: `translateY(${line.start - top}px)`,
            gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
          }}
        >
          {items.slice(line.index * columns, (line.index + 1) * columns).map((item, i) => (
            <Card
              key={item.key}
              item={item}
              width={cardWidth}
              skeletons={skeletons}
              focusable={line.index * columns + i === focusable}
              open={() => open(item)}
              onLost={onLost}
            />
          ))}
        </div>
      ))}
    </div>
  );
}
