import { nameOfLabel } from "../../lib/classLabel";
import { memo } from "react";
import { isolated } from "../../lib/bidi";
import { useQuestion } from "../../api/ask";
import { useSharing } from "../../api/sideBySide";
import { ALSO, PARTS, RUNS } from "../../lib/chart";
import { CURVE_WORDS } from "../../lib/curveOption";
import { ratio } from "../../lib/format";
import { rowsOfCurves } from "../../lib/sideBySide";
import { useReliability, useRoc, useScores } from "../../lib/useCurves";
import { useStill } from "../../lib/useStill";
import { CURVES, filterOf } from "../../state/view";
import { CurvePlot } from "./CurvePlot";
import styles from "./Curves.module.css";
import { LabelSearch, OptionSearch } from "./LineSearch";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps, SideBySideProps } from "../shared/props";
import { Swatch } from "../shared/Swatch";

export const Curves = memo(function Curves(props: SideBySideProps) {
  const { subject, versus, also, view, setView } = props;
  const kind = view.curve;
  const scored = kind === "pr" || kind === "f1";
  const scores = useScores(props, scored);
  const roc = useRoc(props, kind === "roc");
  const calibration = useReliability(props, kind === "calibration");
  const { lines, question, none, said } = kind === "roc" ? roc : kind === "calibration" ? calibration : scores;
  const words = CURVE_WORDS[kind];
  const still = useStill(view);
  const whole = useQuestion("overview", also.length > 0 ? subject : null, filterOf(still)).data?.summary.rows;
  const unlike = rowsOfCurves(subject?.run ?? "", whole, useSharing(subject, also, still));
  // One line alone needs no name.
  const runs =
    (versus !== null || also.length > 0 || (scored ? view.lines.length > 0 : lines.length > 1)) &&
    [
      ...[subject, versus].map((one, i) => ({ one, color: RUNS[i] ?? "", dash: undefined })),
      ...also.map((one, i) => ({ one, color: ALSO[i]?.color ?? "", dash: ALSO[i]?.dash })),
    ].map(
      ({ one, color, dash }) =>
        one && (
          <span key={color} className={styles.run} title={one.run}>
            <Swatch color={color} dash={dash} /> <bdi>{one.run}</bdi>
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
            {kind === "pr" && (
              <button
                type="button"
                className="control"
                aria-pressed={view.zoom === "1"}
                title="Show no more of the plane than the curves need"
                onClick={() => setView({ zoom: view.zoom === "1" ? null : "1" })}
              >
                Zoom
              </button>
            )}
            {runs}
            {view.lines.map((label) => (
              <Chip key={label} label={label} {...props} />
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
                {isolated(name)}
              </option>
            ))}
          </select>
        )}
        {kind === "roc" && roc.options.length > 0 && <OptionSearch options={roc.options} {...props} />}
        {(kind === "roc" || kind === "calibration") && runs}
        {kind === "roc" &&
          roc.options
            .filter((one) => view.lines.includes(one.label))
            .map(({ label, auc }) => <Chip key={label} label={label} figure={`AUC ${ratio(auc)}`} {...props} />)}
        {kind === "calibration" && <span className="muted">On the diagonal, confidence is what it says.</span>}
      </div>
      {question.isPending ? (
        <div className={styles.chart}>
          <Loading what="curve" />
        </div>
      ) : question.isError && question.error ? (
        <Failed error={question.error} again={() => void question.refetch()} />
      ) : !lines.some((line) => line.points.length > 0) ? (
        <Empty title={none.title}>{none.why}</Empty>
      ) : (
        <>
          <CurvePlot kind={kind} lines={lines} {...props} />
          <p className={`muted ${styles.foot}`}>
            The dot is the present threshold{kind === "roc" && ", taken as a score"}: drag it along the curve.{" "}
            {kind === "pr" && `Dotted: the same F1.${view.zoom === "1" ? " The axes are cut to the curves." : ""}`}{" "}
            {said}
            {unlike !== null && <span data-figure="rows-of-curves"> {unlike}</span>}
          </p>
        </>
      )}
    </section>
  );
});

/** A line that was added, and its colour; a click takes it away. */
function Chip({ label, figure, view, setView }: PartProps & { label: string; figure?: string }) {
  return (
    <button
      type="button"
      className={styles.chip}
      aria-label={`Remove the curve of ${isolated(nameOfLabel(label))} ${figure ?? ""}`.trim()}
      onClick={() => setView({ lines: view.lines.filter((one) => one !== label) })}
    >
      <i style={{ background: `var(--${PARTS[view.lines.indexOf(label)]})` }} />
      <bdi>{nameOfLabel(label)}</bdi> {figure && <span className="number muted">{figure}</span>}
    </button>
  );
}
