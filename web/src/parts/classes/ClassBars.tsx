import { useMemo } from "react";
import { usePages } from "../../api/ask";
import { featureOf, nameOfLabel } from "../../lib/classLabel";
import { isolated } from "../../lib/bidi";
import { count } from "../../lib/format";
import { filterOf } from "../../state/view";
import styles from "./Distribution.module.css";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";

const PAGE = 20;
const ORDERS = { annotations: "most annotated", predictions: "most predicted", label: "by name" };

/** How many of each class are annotated, and how many predicted. */
export function ClassBars({ subject, view, setView }: PartProps) {
  const pages = usePages("classes", subject, {
    ...filterOf(view),
    sort: view.bsort,
    descending: view.bsort !== "label",
    search: view.bq,
    limit: PAGE,
  });
  const classes = useMemo(() => (pages.data?.pages ?? []).flatMap((page) => page.classes), [pages.data]);
  const total = pages.data?.pages[0]?.total ?? 0;
  const most = Math.max(1, ...classes.flatMap((one) => [one.annotations, one.predictions]));
  return (
    <>
      <div className={styles.tools}>
        <input
          className={`control ${styles.search}`}
          placeholder="Find a class"
          aria-label="Find a class in the distribution"
          value={view.bq}
          onChange={(event) => setView({ bq: event.target.value }, { history: "replace" })}
        />
        <select
          className="control"
          aria-label="Order of the classes"
          value={view.bsort}
          onChange={(event) => setView({ bsort: event.target.value as keyof typeof ORDERS })}
        >
          {Object.entries(ORDERS).map(([name, title]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </div>
      {pages.isPending ? (
        <div className={styles.place}>
          <Loading what="classes" />
        </div>
      ) : pages.isError ? (
        <Failed error={pages.error} again={() => void pages.refetch()} />
      ) : classes.length === 0 ? (
        <Empty title="No class here.">Nothing passes the filters and thresholds, or the search.</Empty>
      ) : (
        <>
          {/* A region that scrolls must be reachable by keyboard. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <section className={styles.bars} tabIndex={0} aria-label="Annotations and predictions by class">
            <table>
              <thead>
                <tr>
                  <th scope="col">class</th>
                  <th scope="col">
                    <span className={styles.key}>
                      <Bar side="annotation" share={1} text="annotations" />
                      <Bar side="prediction" share={1} text="predictions" />
                    </span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {classes.map((one) => {
                  const feature = featureOf(one.label);
                  return (
                    <tr key={one.label} data-class={one.label}>
                      <th scope="row">
                        <button
                          type="button"
                          className={styles.name}
                          title={`Show only ${isolated(feature)}`}
                          onClick={() => setView({ f: [...view.f.filter((f) => f !== feature), feature] })}
                        >
                          <bdi>{nameOfLabel(one.label)}</bdi>
                        </button>
                      </th>
                      <td className={`number ${styles.pair}`}>
                        <Bar side="annotation" share={one.annotations / most} text={count(one.annotations)} />
                        <Bar side="prediction" share={one.predictions / most} text={count(one.predictions)} />
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </section>
          <p className={`muted number ${styles.more}`}>
            {count(classes.length)} of {count(total)}
            {pages.hasNextPage && (
              <button
                type="button"
                className="control"
                disabled={pages.isFetchingNextPage}
                onClick={() => void pages.fetchNextPage()}
              >
                Show {Math.min(PAGE, total - classes.length)} more
              </button>
            )}
          </p>
        </>
      )}
    </>
  );
}

function Bar({ side, share, text }: { side: "annotation" | "prediction"; share: number; text: string }) {
  return (
    <span className={styles.bar} data-side={side} style={{ "--share": share } as React.CSSProperties}>
      <i aria-hidden="true" />
      <span>{text}</span>
    </span>
  );
}
