import { memo } from "react";
import type { Curve } from "../../api/schema";
import { fromFirstFound } from "../../lib/lines";
import styles from "./ClassTable.module.css";

const WIDTH = 64;
const HEIGHT = 28;

/** A PR curve as small as a word: recall to the right, precision up; the dot is the present threshold. */
export const Sparkline = memo(function Sparkline({
  curve,
  confidence,
}: {
  curve: Curve | undefined;
  confidence: number;
}) {
  if (!curve) return <span style={{ display: "inline-block", width: WIDTH }} />;
  const points = curve.confidence.flatMap((c, i) => {
    const [recall, precision] = [curve.recall[i], curve.precision[i]];
    return typeof recall === "number" && typeof precision === "number" ? [{ c, x: recall, y: precision }] : [];
  });
  if (points.length === 0) return <span className="muted">n/a</span>;
  const place = ({ x, y }: { x: number; y: number }) =>
    [1 + x * (WIDTH - 2), 1 + (1 - y) * (HEIGHT - 2)].map((value) => value.toFixed(1)).join(" ");
  // The last point whose confidence is not below the threshold: what counts there.
  const dot = points.filter((point) => point.c >= confidence).at(-1);
  const [dotX, dotY] = dot ? place(dot).split(" ") : [];
  return (
    <svg width={WIDTH} height={HEIGHT} className={styles.spark} role="img" aria-label={`PR curve of ${curve.label}`}>
      <path className={styles.axes} d={`M.5 0V${HEIGHT - 0.5}H${WIDTH}`} />
      <polyline points={fromFirstFound(points).map(place).join(" ")} />
      {dot && <circle cx={dotX} cy={dotY} r="2.4" />}
    </svg>
  );
});
