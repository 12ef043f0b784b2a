import { Causes } from "./Causes";
import { ClassTable } from "./ClassTable";
import { Distribution } from "./Distribution";
import { Gallery } from "./Gallery";
import styles from "./Lower.module.css";
import { MoreFigures } from "./MoreFigures";
import type { PartProps } from "./props";

/** What lies below the matrix and the curves: classes, distributions, causes, and the data itself. */
export function Lower(parts: PartProps) {
  return (
    <>
      <div className={styles.wide}>
        <ClassTable {...parts} />
        <Distribution {...parts} />
      </div>
      <div className={styles.even}>
        <Causes {...parts} />
        <MoreFigures {...parts} />
      </div>
      <Gallery {...parts} />
    </>
  );
}
