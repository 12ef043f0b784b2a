import { memo, useRef } from "react";
import { useQuestion } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import { count, ratio, short } from "../../lib/format";
import { CAUSE_MEANINGS } from "../../lib/outcome";
import { useNear } from "../../lib/useNear";
import { CAUSES } from "../../state/lower";
import { filterOf } from "../../state/view";
import styles from "./Causes.module.css";
import { Hint } from "../shared/Hint";
import { Empty, Failed } from "../shared/Message";
import type { PartProps } from "../shared/props";

/** Why the two counts of what is missed differ. */
const MISSED =
  "The matrix counts every annotation that nothing is matched to. By TIDE's rules an annotation to which a prediction " +
  "of another class or one too far off points is the fault of that prediction, and counted there.";

/** Why what is wrong is wrong, and what AP each cause costs. A click shows the objects. */
export const Causes = memo(function Causes({ subject, view, setView }: PartProps) {
  const panel = useRef<HTMLElement>(null);
  const near = useNear(panel);
  const errors = useQuestion("errors", near ? subject : null, filterOf(view));
  const found = errors.data;
  const headline = useHeadline(subject, view);
  // Until they are there the table stands with its lines: what is below it must not be pushed away when they come.
  const none = found ? found.ap === null : headline !== undefined && !headline.kinds.includes("objects");
  const most = Math.max(1, ...CAUSES.map((cause) => found?.causes[cause]?.count ?? 0));
  const dearest = Math.max(1e-9, ...CAUSES.map((cause) => found?.causes[cause]?.dap ?? 0));
  const wrong = CAUSES.reduce((sum, cause) => sum + (found?.causes[cause]?.count ?? 0), 0);
  return (
    <section className="panel" aria-labelledby="causes" ref={panel} aria-busy={near && errors.isFetching}>
      <header>
        <h2 id="causes">Causes of errors</h2>
        <span
          className="muted"
          title="AP at this IoU threshold as TIDE defines it, of the detections that the confidence threshold lets in: errors are told of these"
        >
          AP at IoU {short(view.t)}, confidence ≥ {short(view.c)}{" "}
          <b className="number">{found ? ratio(found.ap) : "…"}</b>
        </span>
      </header>
      {errors.isError ? (
        <Failed error={errors.error} again={() => void errors.refetch()} />
      ) : none ? (
        <Empty title="No objects here.">Causes are told of boxes, masks, lines, points and spans.</Empty>
      ) : (
        <>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">cause</th>
                <th scope="col">errors</th>
                <th scope="col" title="How much higher AP would be without these errors">
                  ΔAP
                </th>
              </tr>
            </thead>
            <tbody>
              {CAUSES.map((cause) => {
                const { count: number = 0, dap = null, ignored = 0 } = found?.causes[cause] ?? {};
                const chosen = view.cause === cause;
                return (
                  <tr key={cause} data-cause={cause} data-chosen={chosen}>
                    <th scope="row">
                      <button
                        type="button"
                        className={styles.name}
                        aria-pressed={chosen}
                        title="Show these objects in the gallery, and the annotations that they should have been"
                        onClick={() => setView({ cause: chosen ? null : cause, show: null, row: null })}
                      >
                        {cause}
                      </button>
                      <span className="muted">{CAUSE_MEANINGS[cause]}</span>
                    </th>
                    <td className="number" title={ignored > 0 ? `${count(ignored)} more are ignored` : undefined}>
                      <Bar share={number / most} text={found ? count(number) : "…"} />
                    </td>
                    <td className="number">
                      <Bar share={(dap ?? 0) / dearest} text={found ? ratio(dap) : "…"} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
          <p className={`muted ${styles.foot}`}>
            {found && wrong === 0 && "No errors here. "}
            ΔAP of all false positives {found ? ratio(found.false_positives_dap) : "…"}, of all that is missed{" "}
            {found ? ratio(found.false_negatives_dap) : "…"}.{" "}
            <Hint text={MISSED}>
              <button type="button" className={styles.why}>
                Why the matrix counts more
              </button>
            </Hint>
          </p>
        </>
      )}
    </section>
  );
});

function Bar({ share, text }: { share: number; text: string }) {
  return (
    <span className={styles.bar} style={{ "--share": share } as React.CSSProperties}>
      <i aria-hidden="true" />
      <span>{text}</span>
    </span>
  );
}
