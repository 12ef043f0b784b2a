import { Slider } from "radix-ui";
import { memo, useRef, useState } from "react";
import { useQuestion } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import { useDragged } from "../../lib/useDragged";
import { useStuck } from "../../lib/useStuck";
import { curveOf, filterOf } from "../../state/view";
import { AtLeast } from "./AtLeast";
import { Presets, usePresets } from "./Presets";
import type { PartProps } from "../shared/props";
import styles from "./Thresholds.module.css";

export const Thresholds = memo(function Thresholds(parts: PartProps) {
  const { subject, view, setView } = parts;
  const panel = useRef<HTMLElement>(null);
  const stuck = useStuck(panel);
  const headline = useHeadline(subject, view);
  const asked = headline ? subject : null;
  const found = useQuestion("pr-curve", asked, { ...curveOf(filterOf(view)), ...headline?.ask });
  // The last answer is of another question: it is not taken.
  const best = found.isPlaceholderData ? undefined : found.data?.curves[0]?.best_f1_confidence;
  return (
    <section className={`panel ${styles.thresholds}`} aria-label="Thresholds" ref={panel} data-stuck={stuck}>
      <Threshold label="Confidence" which="c" {...parts}>
        <button
          type="button"
          className="control"
          disabled={best === null || best === undefined}
          title="The confidence threshold at which F1 is best"
          onClick={() => setView({ c: best ?? 0 })}
        >
          Best F1
        </button>
        <AtLeast subject={subject} view={view} setView={setView} />
      </Threshold>
      <Threshold label="IoU" which="t" {...parts}>
        {[0.5, 0.75].map((t) => (
          <button
            key={t}
            type="button"
            className="control number"
            aria-pressed={view.t === t}
            onClick={() => setView({ t })}
          >
            {t}
          </button>
        ))}
      </Threshold>
    </section>
  );
});

interface ThresholdProps extends PartProps {
  label: string;
  which: "c" | "t";
  children: React.ReactNode;
}

/** A slider for a look around, a field that takes the exact number, and values to choose from. */
function Threshold({ label, which, children, ...parts }: ThresholdProps) {
  const dragged = useDragged(which, parts);
  const [presets] = usePresets(label);
  return (
    <div className={styles.threshold}>
      <span className={styles.label}>{label}</span>
      <Slider.Root
        className={styles.root}
        min={0}
        max={1}
        step={0.01}
        value={[dragged.value]}
        onPointerDown={dragged.grab}
        onKeyDownCapture={(event) => dragged.press(event.key)}
        onValueChange={([next]) => {
          if (next !== undefined) dragged.drag(next);
        }}
        onValueCommit={([next]) => {
          if (next !== undefined) dragged.drop(next);
        }}
      >
        <Slider.Track className={styles.track}>
          <Slider.Range className={styles.range} />
        </Slider.Track>
        <span className={styles.ticks} aria-hidden="true">
          {presets.map((at, i) => (
            <i key={i} style={{ left: `${100 * at}%` }} />
          ))}
        </span>
        <Slider.Thumb className={styles.thumb} aria-label={`${label} threshold`} />
      </Slider.Root>
      <Exact label={`${label} threshold, exactly`} value={dragged.value} commit={dragged.set} />
      <div className={styles.tools}>
        {children}
        <Presets label={label} value={parts.view[which]} choose={dragged.set} />
      </div>
    </div>
  );
}

function Exact({ label, value, commit }: { label: string; value: number; commit: (value: number) => void }) {
  const [text, setText] = useState<string | null>(null);
  const number = Number(text);
  const fits = text === null || (text.trim() !== "" && number >= 0 && number <= 1);
  const done = () => {
    if (text !== null && fits && number !== value) commit(number);
    setText(null);
  };
  return (
    <input
      className={`control number ${styles.exact}`}
      aria-label={label}
      aria-invalid={!fits}
      title={fits ? undefined : "A number from 0 to 1"}
      inputMode="decimal"
      value={text ?? String(value)}
      onChange={(event) => setText(event.target.value)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.key === "Enter") done();
        if (event.key === "Escape") setText(null);
      }}
    />
  );
}
