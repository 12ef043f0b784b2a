import { useMemo } from "react";
import { useSettled } from "../lib/useSettled";
import { Causes } from "./Causes";
import { ClassTable } from "./ClassTable";
import { Distribution } from "./Distribution";
import { Gallery } from "./Gallery";
import styles from "./Lower.module.css";
import { MoreFigures } from "./MoreFigures";
import type { PartProps } from "./props";

/** While a threshold is dragged the figures at the top follow at once, and these when it rests, in milliseconds. */
const REST = 120;

/** What lies below the matrix and the curves: classes, distributions, causes, and the data itself. */
export function Lower(props: PartProps) {
  const { view } = props;
  const c = useSettled(view.c, REST);
  const t = useSettled(view.t, REST);
  const settled = useMemo(() => ({ ...view, c, t }), [view, c, t]);
  const parts = { ...props, view: settled };
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
