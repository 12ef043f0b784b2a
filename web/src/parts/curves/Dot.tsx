import { useRef } from "react";
import { ratio } from "../../lib/format";
import styles from "./Curves.module.css";

/** The plot area's distance from the edges of the chart, in pixels. */
export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

interface Props {
  frame: Frame;
  at: { x: number; y: number };
  threshold: number;
  said: string;
  color: string;
  press: (key: string) => void;
  drag: (threshold: number) => void;
  drop: (threshold: number) => void;
  /** The threshold that belongs to a place in the plot area, which is so wide and so high. */
  thresholdAt: (x: number, y: number, width: number, height: number) => number | null;
}

/** The present threshold as a dot on a curve: drag it along, or move it by the arrow keys. */
export function Dot({ frame, at, threshold, said, color, press, drag, drop, thresholdAt }: Props) {
  const last = useRef(threshold);
  const plot = useRef<HTMLDivElement>(null);
  const follow = (event: React.PointerEvent) => {
    const box = plot.current?.getBoundingClientRect();
    if (!box) return;
    const x = (event.clientX - box.left) / box.width;
    const y = 1 - (event.clientY - box.top) / box.height;
    const next = thresholdAt(x, y, box.width, box.height);
    if (next === null) return;
    last.current = next;
    drag(next);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const next = stepped(event.key, threshold);
    if (next === null) return;
    event.preventDefault();
    press(event.key);
    drop(next);
  };
  return (
    <div ref={plot} className={styles.plot} style={frame}>
      <div
        className={styles.dot}
        role="slider"
        tabIndex={0}
        aria-label="Confidence, on the curve"
        aria-valuemin={0}
        aria-valuemax={1}
        aria-valuenow={threshold}
        aria-valuetext={`confidence ${ratio(threshold)}, ${said}`}
        title={`confidence ${ratio(threshold)}, ${said}`}
        style={{ left: `${100 * at.x}%`, bottom: `${100 * at.y}%`, background: color }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = threshold;
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) follow(event);
        }}
        onLostPointerCapture={() => drop(last.current)}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}

function stepped(key: string, from: number): number | null {
  const step = { ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01, ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1 }[
    key
  ];
  if (key === "Home") return 0;
  if (key === "End") return 1;
  return step === undefined ? null : Math.min(1, Math.max(0, Number((from + step).toFixed(2))));
}
