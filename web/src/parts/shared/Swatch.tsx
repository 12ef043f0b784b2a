import styles from "./Swatch.module.css";

/** A piece of the line that a run or a class has in a chart: in its colour, and broken as it is. */
export function Swatch({ color, dash }: { color: string; dash?: readonly number[] | undefined }) {
  return <i className={styles.swatch} style={{ background: `var(--${color})`, maskImage: dash && maskOf(dash) }} />;
}

/** Stretches that are seen and gaps between them, in turn. */
function maskOf(dash: readonly number[]): string {
  const stops = dash.map((length, i) => {
    const from = dash.slice(0, i).reduce((sum, one) => sum + one, 0);
    return `${i % 2 === 0 ? "#000" : "transparent"} ${from}px ${from + length}px`;
  });
  return `repeating-linear-gradient(90deg, ${stops.join(", ")})`;
}
