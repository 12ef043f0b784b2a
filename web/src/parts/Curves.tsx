import { useCallback, useMemo, useState } from "react";
import { useCalibration, useClassPage, useLabelled, usePrCurve, useRocCurve } from "../api/questions";
import { count, ratio } from "../lib/format";
import { between, type Line, lineOf, lineOfCalibration, lineOfRoc, nearest, pointAt } from "../lib/lines";
import { useDragged } from "../lib/useDragged";
import { useNarrow } from "../lib/useNarrow";
import { useSettled } from "../lib/useSettled";
import type { CURVES } from "../state/view";
import { axis, Chart } from "./Chart";
import { Complete } from "./Complete";
import styles from "./Curves.module.css";
import { Dot, type Frame } from "./Dot";
import { Empty, Failed, Loading } from "./Message";
import type { PartProps } from "./props";

type Kind = (typeof CURVES)[number];

const KINDS: Record<Kind, { tab: string; title: string; x: string; y: string }> = {
  pr: { tab: "PR", title: "Precision and recall", x: "recall", y: "precision" },
  f1: { tab: "F1", title: "F1 at every confidence", x: "confidence threshold", y: "F1" },
  roc: { tab: "ROC", title: "ROC of a question", x: "false positive rate", y: "true positive rate" },
  calibration: { tab: "Calibration", title: "Calibration", x: "mean confidence", y: "share that is right" },
};
/** Colours of lines: Okabe and Ito's. */
const LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f"];
/** More lines than there are colours could not be told apart; the first two are the runs'. */
const MOST_LINES = LINES.length - 2;

interface Drawn {
  lines: Line[];
  question: { isPending: boolean; isError: boolean; error: Error | null; refetch: () => unknown };
  /** What stands where there is no line. */
  none: { title: string; why: string };
  said?: string | undefined;
}

export function Curves(props: PartProps) {
  const { subject, view, setView } = props;
  const kind = view.curve;
  const scores = useScores(props, kind === "pr" || kind === "f1");
  const roc = useRoc(props, kind === "roc");
  const calibration = useReliability(props, kind === "calibration");
  const { lines, question, none, said } = kind === "roc" ? roc : kind === "calibration" ? calibration : scores;
  const words = KINDS[kind];
  return (
    <section className="panel" aria-labelledby="curves">
      <header>
        <h2 id="curves">{words.title}</h2>
        <div className="group" role="group" aria-label="Which curve">
          {(Object.keys(KINDS) as Kind[]).map((one) => (
            <button
              key={one}
              type="button"
              className="control"
              aria-pressed={kind === one}
              onClick={() => setView({ curve: one })}
            >
              {KINDS[one].tab}
            </button>
          ))}
        </div>
      </header>
      <div className={styles.controls}>
        {(kind === "pr" || kind === "f1") && (
          <>
            <LabelSearch {...props} />
            {view.lines.map((label) => (
              <button
                key={label}
                type="button"
                className={styles.chip}
                aria-label={`Remove the curve of ${label}`}
                onClick={() => setView({ lines: view.lines.filter((one) => one !== label) })}
              >
                <i style={{ background: LINES[lines.findIndex((one) => one.name === label) % LINES.length] }} />
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
          <Plot kind={kind} lines={lines} own={subject?.run ?? ""} view={view} setView={setView} />
          <p className={`muted ${styles.foot}`}>
            The dot is the present threshold{kind === "roc" && ", taken as a score"}: drag it along the curve. {said}
          </p>
        </>
      )}
    </section>
  );
}

/** Precision, recall and F1 at every confidence: of each run, and of the classes that were chosen. */
function useScores({ subject, versus, view }: PartProps, enabled: boolean): Drawn {
  const kind = view.curve === "f1" ? "f1" : "pr";
  const own = usePrCurve(enabled ? subject : null, view, false);
  const other = usePrCurve(enabled ? versus : null, view, false);
  const chosen = view.lines.slice(0, MOST_LINES);
  const labelled = useLabelled(enabled ? subject : null, view, chosen);
  const lines = useMemo(
    () => [
      ...(own.data ?? []).map((curve) => lineOf(subject?.run ?? "", curve, kind)),
      ...(versus ? (other.data ?? []) : []).map((curve) => lineOf(versus?.run ?? "", curve, kind)),
      ...(chosen.length ? (labelled.data ?? []) : []).map((curve) => lineOf(curve.label ?? "", curve, kind)),
    ],
    [own.data, other.data, labelled.data, subject?.run, versus, chosen.length, kind],
  );
  const best = own.data?.[0];
  return {
    lines,
    question: own,
    none: { title: "No predictions here.", why: "A curve needs predictions and annotations that pass the filters." },
    said:
      best && best.best_f1 !== null
        ? `F1 is best, ${ratio(best.best_f1)}, at confidence ${ratio(best.best_f1_confidence)}.`
        : undefined,
  };
}

function useRoc({ subject, versus, view }: PartProps, enabled: boolean) {
  const own = useRocCurve(subject, view, enabled);
  const other = useRocCurve(versus, view, enabled);
  const questions = own.data?.questions.map((one) => one.question) ?? [];
  const chosen = questions.includes(view.question ?? "") ? view.question : (questions[0] ?? null);
  const found = own.data?.questions.find((one) => one.question === chosen);
  const lines = useMemo(() => {
    const theirs = versus && other.data?.questions.find((one) => one.question === chosen);
    return [lineOfRoc(subject?.run ?? "", found), ...(versus && theirs ? [lineOfRoc(versus.run, theirs)] : [])].filter(
      (line) => line.points.length > 0,
    );
  }, [found, other.data, chosen, subject?.run, versus]);
  return {
    lines,
    questions,
    chosen,
    question: own,
    none: {
      title: "No ROC curve here.",
      why: own.data?.undefined.questions ?? "Every option is true in every case, or in none.",
    },
    said:
      found &&
      `AUC ${ratio(found.auc_micro)} over all options together, ${ratio(found.auc_macro)} the mean over options; ${count(found.cases)} cases.`,
  };
}

function useReliability({ subject, versus, view }: PartProps, enabled: boolean): Drawn {
  const own = useCalibration(subject, view, enabled);
  const other = useCalibration(versus, view, enabled);
  const lines = useMemo(
    () =>
      [
        lineOfCalibration(subject?.run ?? "", own.data),
        ...(versus ? [lineOfCalibration(versus.run, other.data)] : []),
      ].filter((line) => line.points.length > 0),
    [own.data, other.data, subject?.run, versus],
  );
  return {
    lines,
    question: own,
    none: { title: "No predictions here.", why: "Calibration needs predictions that pass the filters." },
    said:
      own.data &&
      `Expected calibration error ${ratio(own.data.ece)}, the largest ${ratio(own.data.mce)}; ${count(own.data.predictions)} predictions.`,
  };
}

function LabelSearch({ subject, view, setView }: PartProps) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const search = useSettled(text.trim(), 120);
  const page = { search, sort: "annotations" as const, descending: true, limit: 30 };
  const found = useClassPage(subject, view, page, open);
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
      choose={choose}
      submit={() => {
        const [only, another] = labels;
        if (!full && only !== undefined && another === undefined) choose(only);
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

const FRAME = { left: 46, right: 16, bottom: 44 };

interface PlotProps extends Pick<PartProps, "view" | "setView"> {
  kind: Kind;
  lines: Line[];
  own: string;
}

/** The lines, and the dot on the one of the run; a click anywhere brings the dot near. */
function Plot({ kind, lines, own, view, setView }: PlotProps) {
  const dragged = useDragged(view.c, (c, options) => setView({ c }, options));
  const [first] = lines;
  const height = useNarrow() ? 340 : 470;
  const frame: Frame = { ...FRAME, height, top: lines.length > 1 ? 34 : 14 };
  const option = useCallback(
    (color: (name: string) => string) => optionOf(kind, lines, view.c, color),
    [kind, lines, view.c],
  );
  const along = kind === "f1" || kind === "calibration";
  const at = first && placeOf(kind, first, dragged.value);
  const isOwn = first?.name === own;
  const thresholdAt = (x: number, y: number, width: number, height: number) =>
    along ? Math.min(1, Math.max(0, Number(x.toFixed(3)))) : first ? nearest(first, x, y, width, height) : null;
  return (
    // The dot is for the keyboard what a click is for the mouse.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions
    <div
      className={styles.chart}
      onClick={(event) => {
        if (!(event.target instanceof HTMLCanvasElement)) return;
        const box = event.currentTarget.getBoundingClientRect();
        const width = box.width - frame.left - frame.right;
        const high = frame.height - frame.top - frame.bottom;
        const x = (event.clientX - box.left - frame.left) / width;
        const y = 1 - (event.clientY - box.top - frame.top) / high;
        const next = x < 0 || x > 1 || y < 0 || y > 1 ? null : thresholdAt(x, y, width, high);
        if (next !== null) setView({ c: next });
      }}
    >
      <Chart option={option} height={frame.height} label={`${KINDS[kind].y} against ${KINDS[kind].x}`} />
      {at && isOwn && (
        <Dot
          frame={frame}
          at={at}
          threshold={dragged.value}
          said={`${KINDS[kind].x} ${ratio(at.x)}, ${KINDS[kind].y} ${ratio(at.y)}`}
          color={LINES[0] ?? ""}
          drag={dragged.drag}
          drop={dragged.drop}
          thresholdAt={thresholdAt}
        />
      )}
    </div>
  );
}

/** Where the present threshold is on a line. */
function placeOf(kind: Kind, line: Line, threshold: number): { x: number; y: number } | undefined {
  const point = pointAt(line, threshold);
  if (!point) return undefined;
  if (kind === "f1") return { x: threshold, y: point.y };
  if (kind === "calibration") return { x: threshold, y: between(line, threshold) ?? point.y };
  return point;
}

function optionOf(kind: Kind, lines: Line[], threshold: number, color: (name: string) => string) {
  const words = KINDS[kind];
  const [, ...others] = lines;
  const dots = others.flatMap((line, i) => {
    const at = placeOf(kind, line, threshold);
    return at ? [{ value: [at.x, at.y], itemStyle: { color: LINES[(i + 1) % LINES.length] } }] : [];
  });
  const diagonal = kind === "roc" || kind === "calibration";
  return {
    color: LINES,
    grid: { left: FRAME.left, right: FRAME.right, top: lines.length > 1 ? 34 : 14, bottom: FRAME.bottom },
    legend: {
      show: lines.length > 1,
      type: "plain",
      top: 0,
      data: lines.map((line) => line.name),
      textStyle: { color: color("ink") },
      icon: "roundRect",
      itemHeight: 3,
    },
    tooltip: {
      trigger: "item",
      backgroundColor: color("raised"),
      borderColor: color("line"),
      textStyle: { color: color("ink") },
      formatter: ({ seriesName, value }: { seriesName: string; value: (number | null)[] }) =>
        [
          escaped(seriesName),
          `${words.y} ${ratio(value[1])}`,
          `${words.x} ${ratio(value[0])}`,
          ...(kind === "pr" || kind === "roc"
            ? [`confidence ${value[2] === null ? "above all" : ratio(value[2])}`]
            : []),
        ].join("<br>"),
    },
    xAxis: axis(words.x, color, { min: 0, max: 1 }),
    yAxis: axis(words.y, color, { min: 0, max: 1, nameGap: 32 }),
    series: [
      ...lines.map((line) => ({
        type: "line",
        name: line.name,
        data: line.points.map(({ x, y, threshold: own }) => [x, y, own]),
        symbol: "circle",
        symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) => line.sizes?.[dataIndex] ?? 5,
        showSymbol: line.sizes !== undefined || line.points.length < 40,
        lineStyle: { width: 2 },
      })),
      { type: "scatter", data: dots, symbolSize: 11, z: 5, silent: true },
      ...(diagonal
        ? [
            {
              type: "line",
              data: [
                [0, 0],
                [1, 1],
              ],
              symbol: "none",
              silent: true,
              z: 1,
              lineStyle: { width: 1, type: "dashed", color: color("muted") },
            },
          ]
        : []),
    ],
  };
}

function escaped(text: string): string {
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML;
}
