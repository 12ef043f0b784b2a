import { memo, useState } from "react";
import { useQuestion } from "../api/ask";
import { PARTS, RUNS } from "../lib/chart";
import { CURVE_WORDS } from "../lib/curveOption";
import { MOST_LINES, useReliability, useRoc, useScores } from "../lib/useCurves";
import { useSettled } from "../lib/useSettled";
import { CURVES, filterOf } from "../state/view";
import { Complete } from "./Complete";
import { CurvePlot } from "./CurvePlot";
import styles from "./Curves.module.css";
import { Empty, Failed, Loading } from "./Message";
import type { PartProps } from "./props";

export const Curves = memo(function Curves(props: PartProps) {
  const { subject, versus, view, setView } = props;
  const kind = view.curve;
  const scored = kind === "pr" || kind === "f1";
  const scores = useScores(props, scored);
  const roc = useRoc(props, kind === "roc");
  const calibration = useReliability(props, kind === "calibration");
  const { lines, question, none, said } = kind === "roc" ? roc : kind === "calibration" ? calibration : scores;
  const words = CURVE_WORDS[kind];
  // One line alone needs no name.
  const runs =
    (versus !== null || (scored && view.lines.length > 0)) &&
    [subject, versus].map(
      (one, i) =>
        one && (
          <span key={RUNS[i]} className={styles.run}>
            <i style={{ background: `var(--${RUNS[i]})` }} /> {one.run}
          </span>
        ),
    );
  return (
    <section className={`panel ${styles.panel}`} aria-labelledby="curves">
      <header>
        <h2 id="curves">{words.title}</h2>
        <div className="group" role="group" aria-label="Which curve">
          {CURVES.map((one) => (
            <button
              key={one}
              type="button"
              className="control"
              aria-pressed={kind === one}
              onClick={() => setView({ curve: one })}
            >
              {CURVE_WORDS[one].tab}
            </button>
          ))}
        </div>
      </header>
      <div className={styles.controls}>
        {scored && (
          <>
            <LabelSearch {...props} />
            {runs}
            {view.lines.map((label, i) => (
              <button
                key={label}
                type="button"
                className={styles.chip}
                aria-label={`Remove the curve of ${label}`}
                onClick={() => setView({ lines: view.lines.filter((one) => one !== label) })}
              >
                <i style={{ background: `var(--${PARTS[i]})` }} />
                {label} <span aria-hidden="true">×</span>
              </button>
            ))}
          </>
        )}
        {kind === "roc" && roc.questions.length > 0 && (
          <select
            className="control"
            aria-label="Question"
            value={roc.chosen ?? ""}
            onChange={(event) => setView({ question: event.target.value })}
          >
            {roc.questions.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        )}
        {(kind === "roc" || kind === "calibration") && runs}
        {kind === "calibration" && <span className="muted">On the diagonal, confidence is what it says.</span>}
      </div>
      {question.isPending ? (
        <Loading what="curve" />
      ) : question.isError && question.error ? (
        <Failed error={question.error} again={() => void question.refetch()} />
      ) : !lines.some((line) => line.points.length > 0) ? (
        <Empty title={none.title}>{none.why}</Empty>
      ) : (
        <>
          <CurvePlot kind={kind} lines={lines} {...props} />
          <p className={`muted ${styles.foot}`}>
            The dot is the present threshold{kind === "roc" && ", taken as a score"}: drag it along the curve. {said}
          </p>
        </>
      )}
    </section>
  );
});

function LabelSearch({ subject, view, setView }: PartProps) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const search = useSettled(text.trim(), 120);
  const found = useQuestion("classes", open ? subject : null, {
    ...filterOf(view),
    search,
    sort: "annotations",
    descending: true,
    limit: 30,
  });
  const labels = (found.data?.classes ?? []).map((one) => one.label).filter((label) => !view.lines.includes(label));
  const full = view.lines.length >= MOST_LINES;
  const choose = (label: string) => {
    setView({ lines: [...view.lines, label] });
    setText("");
  };
  return (
    <Complete
      label="Add the curve of a class"
      placeholder="Add a class's curve"
      text={text}
      setText={setText}
      onOpen={setOpen}
      suggestions={full ? [] : labels.map((label) => ({ value: label, text: label }))}
      choose={({ value }) => choose(value)}
      submit={() => {
        const [only, another] = labels;
        const taken = !full && only !== undefined && another === undefined;
        if (taken) choose(only);
        return taken;
      }}
      note={
        full
          ? `${MOST_LINES} are as many as can be told apart: remove one first.`
          : found.data && labels.length === 0
            ? "No other class has such a name."
            : undefined
      }
    />
  );
}
