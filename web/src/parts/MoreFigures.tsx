import { Tabs } from "radix-ui";
import { useRef } from "react";
import { type Question, useQuestion } from "../api/ask";
import type { Subject } from "../api/questions";
import type {
  Classifications,
  CustomMetrics,
  Entities,
  Keypoints,
  Regression,
  Segmentation,
  Texts,
} from "../api/schema";
import { count, ratio, short } from "../lib/format";
import { useNear } from "../lib/useNear";
import { filterOf, type View } from "../state/view";
import styles from "./MoreFigures.module.css";
import { Failed, Loading } from "./Message";
import type { PartProps } from "./props";

/** A table of figures. A null figure is n/a, and says why when it is pointed at. */
interface Sheet {
  title?: string;
  /** What a line is about, and the columns behind it. */
  head: string[];
  lines: { name: string; figures: Figure[]; undefined?: Record<string, string> }[];
}
/** A number with its name in the answer, by which the reason is found why it is null. */
type Figure = { name: string; value: number | null | undefined; kind?: "count" | "plain" };

const of = (name: string, value: number | null | undefined): Figure => ({ name, value });
const counted = (name: string, value: number): Figure => ({ name, value, kind: "count" });
const plain = (name: string, value: number | null | undefined): Figure => ({ name, value, kind: "plain" });

interface Kind {
  question: Question;
  title: string;
  /** Whether a run has anything of the kind. */
  there: (answer: never) => boolean;
  sheets: (answer: never) => Sheet[];
}

const kind = <A,>(
  question: Question,
  title: string,
  there: (answer: A) => boolean,
  sheets: (answer: A) => Sheet[],
): Kind => ({
  question,
  title,
  there,
  sheets,
});

const KINDS: Kind[] = [
  kind<Segmentation>("segmentation", "Pixels", (a) => a.classes.length > 0, segmentationSheets),
  kind<Entities>("entities", "Spans", (a) => a.classes.length > 0, entitySheets),
  kind<Classifications>("classifications", "Answers", (a) => a.questions.length > 0, answerSheets),
  kind<Regression>("regression", "Numbers", (a) => a.questions.length > 0, numberSheets),
  kind<Texts>("texts", "Texts", (a) => a.questions.length > 0, textSheets),
  kind<Keypoints>("keypoints", "Keypoints", (a) => Object.keys(a.per_class).length > 0, keypointSheets),
  kind<CustomMetrics>("custom-metrics", "Custom metrics", (a) => a.metrics.length > 0, customSheets),
];

/** Figures that only some data have: a tab for each kind that is there. */
export function MoreFigures({ subject, view, setView }: PartProps) {
  const panel = useRef<HTMLDivElement>(null);
  const near = useNear(panel);
  const asked = near ? subject : null;
  const kinds = useKinds(asked, view);
  const chosen = kinds.find((one) => one.question === view.more) ?? kinds[0];
  return (
    <div ref={panel} className={styles.place} data-there={chosen !== undefined}>
      {chosen && (
        <Tabs.Root
          asChild
          value={chosen.question}
          onValueChange={(more) => setView({ more: more === kinds[0]?.question ? null : more })}
        >
          <section className="panel" aria-labelledby="more-figures">
            <header>
              <h2 id="more-figures">More figures</h2>
              <Tabs.List className={styles.tabs} aria-label="Kinds of figures">
                {kinds.map(({ question, title }) => (
                  <Tabs.Trigger key={question} value={question} className={styles.tab}>
                    {title}
                  </Tabs.Trigger>
                ))}
              </Tabs.List>
            </header>
            <Tabs.Content value={chosen.question} className={styles.content}>
              <Sheets key={chosen.question} subject={asked} view={view} kind={chosen} />
            </Tabs.Content>
          </section>
        </Tabs.Root>
      )}
    </div>
  );
}

/** The kinds of figures that a run has, at whatever thresholds. */
function useKinds(subject: Subject | null, view: View): Kind[] {
  const basis = { policy: view.p, confidence: 0 };
  const answers = [
    useQuestion("segmentation", subject, basis).data,
    useQuestion("entities", subject, basis).data,
    useQuestion("classifications", subject, basis).data,
    useQuestion("regression", subject, basis).data,
    useQuestion("texts", subject, basis).data,
    useQuestion("keypoints", subject, basis).data,
    useQuestion("custom-metrics", subject, basis).data,
  ];
  return KINDS.filter(({ there }, i) => answers[i] !== undefined && there(answers[i] as never));
}

function Sheets({ subject, view, kind }: { subject: Subject | null; view: View; kind: Kind }) {
  const answer = useQuestion(kind.question, subject, filterOf(view) as never);
  if (answer.isPending) return <Loading what="figures" />;
  if (answer.isError) return <Failed error={answer.error} again={() => void answer.refetch()} />;
  return kind.sheets(answer.data as never).map((sheet, i) => (
    <table key={sheet.title ?? i} className={styles.sheet}>
      {sheet.title && <caption>{sheet.title}</caption>}
      <thead>
        <tr>
          {sheet.head.map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {sheet.lines.map(({ name, figures, undefined: reasons = {} }) => (
          <tr key={name}>
            <th scope="row" title={name}>
              {name}
            </th>
            {figures.map((figure) => (
              <td key={figure.name} className="number" data-name={figure.name}>
                <Value figure={figure} reason={reasons[figure.name]} />
              </td>
            ))}
          </tr>
        ))}
        {sheet.lines.length === 0 && (
          <tr>
            <td colSpan={sheet.head.length} className="muted" style={{ textAlign: "left" }}>
              Nothing passes the filters and thresholds.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  ));
}

function Value({ figure, reason }: { figure: Figure; reason: string | undefined }) {
  const { value, kind } = figure;
  if (value === null || value === undefined)
    return (
      <span className={`muted ${styles.none}`} title={reason}>
        n/a
        {reason && <span className="visually-hidden">: {reason}</span>}
      </span>
    );
  return kind === "count" ? count(value) : kind === "plain" ? short(value) : ratio(value);
}

function segmentationSheets(a: Segmentation): Sheet[] {
  const names = {
    mean_iou: "mean IoU",
    mean_row_iou: "mean IoU of rows",
    frequency_weighted_iou: "weighted IoU",
    mean_dice: "mean Dice",
    micro_dice: "Dice of all pixels",
    pixel_accuracy: "pixel accuracy",
    mean_accuracy: "mean accuracy",
  } as const;
  const keys = Object.keys(names) as (keyof typeof names)[];
  return [
    summarySheet(
      "All classes",
      keys.map((key) => [names[key], of(key, a[key])]),
      a.undefined,
    ),
    {
      title: "By class, in pixels",
      head: ["class", "IoU", "Dice", "precision", "recall", "annotated", "predicted"],
      lines: a.classes.map((one) => ({
        name: one.label,
        undefined: one.undefined,
        figures: [
          of("iou", one.iou),
          of("dice", one.dice),
          of("precision", one.precision),
          of("recall", one.recall),
          counted("annotated", one.annotated),
          counted("predicted", one.predicted),
        ],
      })),
    },
  ];
}

/** Figures that stand alone, one a line. */
function summarySheet(title: string, figures: [string, Figure][], reasons: Record<string, string>): Sheet {
  return {
    head: [title, ""],
    lines: figures.map(([name, figure]) => ({ name, figures: [figure], undefined: reasons })),
  };
}

const MODES = {
  strict: "strict: boundaries and type",
  exact: "exact: boundaries",
  partial: "partial: any overlap is half a hit",
  type: "type: any overlap of the type",
};

function entitySheets(a: Entities): Sheet[] {
  const head = ["precision", "recall", "F1", "correct", "incorrect", "partial", "missed", "spurious"];
  const figures = (one: Entities["overall"]["strict"]) => [
    of("precision", one.precision),
    of("recall", one.recall),
    of("f1", one.f1),
    counted("correct", one.correct),
    counted("incorrect", one.incorrect),
    counted("partial", one.partial),
    counted("missed", one.missed),
    counted("spurious", one.spurious),
  ];
  return [
    {
      title: "All spans",
      head: ["mode", ...head],
      lines: (Object.keys(MODES) as (keyof typeof MODES)[]).map((mode) => ({
        name: MODES[mode],
        undefined: a.overall[mode].undefined,
        figures: figures(a.overall[mode]),
      })),
    },
    {
      title: "By class, strict",
      head: ["class", ...head],
      lines: a.classes.map((one) => ({
        name: one.label,
        undefined: one.strict.undefined,
        figures: figures(one.strict),
      })),
    },
  ];
}

function answerSheets(a: Classifications): Sheet[] {
  return [
    {
      head: ["question", "cases", "correct", "accuracy", "balanced", "kappa", "MCC", "macro F1", "log loss"],
      lines: a.questions.map((one) => ({
        name: one.question,
        undefined: one.undefined,
        figures: [
          counted("cases", one.cases),
          counted("correct", one.correct),
          of("accuracy", one.accuracy),
          of("balanced_accuracy", one.balanced_accuracy),
          of("kappa", one.kappa),
          of("mcc", one.mcc),
          of("averages.macro.f1", one.averages.macro.f1),
          of("log_loss", one.log_loss),
        ],
      })),
    },
    ...a.questions.map((one) => ({
      title: `Answers to ${one.question}`,
      head: ["answer", "annotated", "predicted", "precision", "recall", "F1"],
      lines: one.classes.map((answer) => ({
        name: answer.label.slice(one.question.length + 1) || answer.label,
        undefined: reasonsFor(one.undefined, answer.label),
        figures: [
          counted("annotations", answer.annotations),
          counted("predictions", answer.predictions),
          of("precision", answer.precision),
          of("recall", answer.recall),
          of("f1", answer.f1),
        ],
      })),
    })),
  ];
}

/** The reasons that are said of one label, by the figure's own name. */
function reasonsFor(reasons: Record<string, string>, label: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reasons)
      .filter(([name]) => name.includes(label))
      .map(([name, why]) => [name.split(".").at(-1) ?? name, why]),
  );
}

function numberSheets(a: Regression): Sheet[] {
  return [
    {
      head: ["question", "pairs", "MAE", "MSE", "RMSE", "bias", "max error", "R²", "Pearson r"],
      lines: a.questions.map((one) => ({
        name: one.feature,
        undefined: one.undefined,
        figures: [
          counted("n", one.n),
          plain("mae", one.mae),
          plain("mse", one.mse),
          plain("rmse", one.rmse),
          plain("bias", one.bias),
          plain("max_error", one.max_error),
          of("r2", one.r2),
          of("pearson_r", one.pearson_r),
        ],
      })),
    },
  ];
}

function textSheets(a: Texts): Sheet[] {
  const line = (name: string, one: Texts["overall"]) => ({
    name,
    undefined: one.undefined,
    figures: [
      counted("n", one.n),
      of("exact_match", one.exact_match),
      of("normalised_match", one.normalised_match),
      { name: "bleu", value: one.bleu, kind: "plain" as const },
      of("brevity_penalty", one.brevity_penalty),
      plain("mean_sentence_bleu", one.mean_sentence_bleu),
      counted("missing", one.missing),
    ],
  });
  return [
    {
      head: ["question", "pairs", "exact", "normalised", "BLEU", "brevity", "sentence BLEU", "missing"],
      lines: [
        ...a.questions.map((one) => line(one.feature, one)),
        ...(a.questions.length > 1 ? [line("all together", a.overall)] : []),
      ],
    },
  ];
}

function keypointSheets(a: Keypoints): Sheet[] {
  const head = ["pairs", "mean OKS", "labelled", "mean distance", ...a.alphas.map((alpha) => `PCK ${alpha}`)];
  const line = (name: string, one: Omit<Keypoints, "per_class" | "scale" | "alphas">) => ({
    name,
    undefined: one.undefined,
    figures: [
      counted("pairs", one.pairs),
      of("mean_oks", one.mean_oks),
      counted("labelled", one.labelled),
      plain("mean_distance", one.mean_distance),
      ...one.pck.map((share, i) => of(`pck.${i}`, share)),
    ],
  });
  return [
    {
      head: ["class", ...head],
      lines: [...Object.entries(a.per_class).map(([name, one]) => line(name, one)), line("all together", a)],
    },
  ];
}

function customSheets(a: CustomMetrics): Sheet[] {
  return [
    {
      head: ["metric", "value", "data rows", "objects", "TP", "FP", "TN", "FN"].slice(
        0,
        a.metrics.some((one) => one.confusion) ? 8 : 4,
      ),
      lines: a.metrics.map((one) => ({
        name: `${one.name} (${one.aggregation.replaceAll("_", " ")})`,
        undefined: one.undefined,
        figures: [
          plain("value", one.value),
          counted("rows", one.rows),
          counted("objects", one.objects),
          ...(one.confusion
            ? (["tp", "fp", "tn", "fn"] as const).map((name) => plain(name, one.confusion?.[name]))
            : []),
        ],
      })),
    },
    ...a.metrics
      .filter((one) => one.features.length > 0)
      .map((one) => ({
        title: `${one.name} by feature`,
        head: ["feature", "value", "data rows"],
        lines: one.features.map((feature) => ({
          name: feature.feature,
          undefined: feature.undefined,
          figures: [plain("value", feature.value), counted("rows", feature.rows)],
        })),
      })),
  ];
}
