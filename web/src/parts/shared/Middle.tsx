import styles from "./Middle.module.css";

/** So many letters at the end are always seen: names of data rows differ there. */
const END = 6;

/** A name that is cut in its middle where there is no room for all of it. */
export function Middle({ children: text }: { children: string }) {
  const letters = Array.from(text);
  return (
    // The two parts stand in the order in which the name is read.
    <span className={styles.middle} title={text} dir="auto">
      <span>{letters.slice(0, -END).join("")}</span>
      <span>{letters.slice(-END).join("")}</span>
    </span>
  );
}
