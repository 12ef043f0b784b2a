import { useMemo } from "react";
import { useQuestion } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import { count, short } from "../../lib/format";
import { COUNTED_WORDS } from "../../lib/outcome";
import { barsOf, ofBar, scaleOf, SIDES } from "../../lib/outcomesByConfidence";
import { filterOf } from "../../state/view";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";
import places from "./Distribution.module.css";
import styles from "./Outcomes.module.css";

const BINS = 20;
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** Predictions by confidence: above the line the correct ones, below it those that are not. A bar opens its objects. */
export function Outcomes({ subject, view, setView }: PartProps) {
  const headline = useHeadline(subject, view);
  // Of all predictions, so that a step of the slider moves the threshold and asks nothing.
  const answer = useQuestion("calibration", headline ? subject : null, {
    ...filterOf(view),
    ...headline?.ask,
    confidence: 0,
    bins: BINS,
  });
  const bars = useMemo(() => barsOf(answer.data?.bins ?? []), [answer.data]);
  const scale = useMemo(() => scaleOf(bars), [bars]);
  if (answer.isError) return <Failed error={answer.error} again={() => void answer.refetch()} />;
  if (!answer.data)
    return (
      <div className={places.place}>
        <Loading what="predictions" />
      </div>
    );
  if (answer.data.predictions === 0) return <Empty title="No predictions here.">None passes the filters.</Empty>;
  const { predictions, correct } = answer.data;
  return (
    <div data-stale={answer.isPlaceholderData}>
      <p className={styles.key}>
        {SIDES.map((side) => (
          <span key={side} data-side={side}>
            <i aria-hidden="true" /> {COUNTED_WORDS[side]}{" "}
            <b className="number">{count(side === "tp" ? correct : predictions - correct)}</b>
          </span>
        ))}
      </p>
      <div className={styles.plot} role="group" aria-label="Predictions by confidence">
        {SIDES.map((side) => (
          <div key={side} className={styles.side} data-side={side} style={{ flexGrow: scale[side].side }}>
            <span className={`number ${styles.most}`} aria-hidden="true">
              {count(Math.max(...bars.map((bar) => bar[side])))}
            </span>
            {bars.map((bar, i) => {
              const { isChosen, change } = ofBar(view, bar, i === 0, side);
              const told = `${count(bar[side])} ${COUNTED_WORDS[side]}, confidence ${short(bar.low)} to ${short(bar.high)}`;
              return (
                <button
                  key={bar.low}
                  type="button"
                  className={styles.bar}
                  disabled={bar[side] === 0}
                  aria-label={told}
                  aria-pressed={isChosen}
                  title={told}
                  data-count={bar[side]}
                  data-below={bar.high <= view.c}
                  style={{ "--share": bar[side] * scale[side].each } as React.CSSProperties}
                  onClick={() => setView(change)}
                >
                  <i aria-hidden="true" />
                </button>
              );
            })}
          </div>
        ))}
        <span
          className={styles.threshold}
          data-figure="threshold"
          data-at={view.c}
          style={{ "--at": view.c } as React.CSSProperties}
          aria-hidden="true"
        />
      </div>
      <div className={`muted number ${styles.ticks}`} aria-hidden="true">
        {TICKS.map((tick) => (
          <span key={tick} style={{ "--at": tick } as React.CSSProperties}>
            {tick}
          </span>
        ))}
      </div>
      <p className={`muted ${styles.foot}`}>
        By confidence, of all {count(predictions)} predictions: matched as at threshold 0, whatever the threshold is
        (the line, {short(view.c)}). A bar opens its objects
        {view.p === "iou-greedy" || view.c > 0 ? ", and lets in what it counts" : ""}.
      </p>
    </div>
  );
}
