import styles from "./Run.module.css";

/** A run's name in its colour. */
export function Run({ which, name }: { which: "a" | "b"; name: string }) {
  return (
    <span className={styles.run} data-run={which}>
      <i aria-hidden="true" />
      <bdi>{name}</bdi>
    </span>
  );
}
