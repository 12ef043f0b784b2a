import { Tabs } from "radix-ui";
import { memo, useRef } from "react";
import { type AnswerOf, type Question, type Subject, useQuestion } from "../../api/ask";
import { classificationSheets } from "../../lib/figures/classifications";
import { customMetricSheets } from "../../lib/figures/customMetrics";
import { entitySheets } from "../../lib/figures/entities";
import { keypointSheets } from "../../lib/figures/keypoints";
import { regressionSheets } from "../../lib/figures/regression";
import { segmentationSheets } from "../../lib/figures/segmentation";
import type { Sheet } from "../../lib/figures/sheet";
import { textSheets } from "../../lib/figures/texts";
import { useNear } from "../../lib/useNear";
import { filterOf, type View } from "../../state/view";
import styles from "./MoreFigures.module.css";
import { Fold } from "../shared/Fold";
import { Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";
import { SheetTable } from "./SheetTable";

interface Kind {
  question: Question;
  title: string;
  /** Whether a run has anything of the kind. */
  there: (answer: never) => boolean;
  sheets: (answer: never) => Sheet[];
}

const kind = <Q extends Question>(
  question: Q,
  title: string,
  there: (answer: AnswerOf<Q>) => boolean,
  sheets: (answer: AnswerOf<Q>) => Sheet[],
): Kind => ({ question, title, there, sheets });

const KINDS: Kind[] = [
  kind("segmentation", "Pixels", (a) => a.classes.length > 0, segmentationSheets),
  kind("entities", "Spans", (a) => a.classes.length > 0, entitySheets),
  kind("classifications", "Answers", (a) => a.questions.length > 0, classificationSheets),
  kind("regression", "Numbers", (a) => a.questions.length > 0, regressionSheets),
  kind("texts", "Texts", (a) => a.questions.length > 0, textSheets),
  kind("keypoints", "Keypoints", (a) => Object.keys(a.per_class).length > 0, keypointSheets),
  kind("custom-metrics", "Custom metrics", (a) => a.metrics.length > 0, customMetricSheets),
];

/** Types of objects of which there are figures of their own, whatever else there may be. */
const EXPECTED = ["mask", "span", "radio", "checklist", "keypoints"];
/** How far below the screen it is asked what there is, in pixels: a panel that comes late would push others away. */
const AHEAD = 2_000;

/** Figures that only some data have: a tab for each kind that is there. */
export const MoreFigures = memo(function MoreFigures({ subject, view, setView }: PartProps) {
  const panel = useRef<HTMLDivElement>(null);
  const near = useNear(panel);
  const asked = near ? subject : null;
  const kinds = useKinds(useNear(panel, AHEAD) ? subject : null, view);
  const types = useQuestion("overview", subject, filterOf(view)).data?.summary.types ?? {};
  const chosen = kinds?.find((one) => one.question === view.more) ?? kinds?.[0];
  // Its place is kept as soon as it is known that something will stand there.
  const there = kinds ? chosen !== undefined : EXPECTED.some((type) => type in types);
  return (
    <div ref={panel} className={styles.place} data-there={there}>
      {there && (
        <Fold title="Other metrics">
          <Panel {...{ asked, view, setView, kinds: kinds ?? [], chosen }} />
        </Fold>
      )}
    </div>
  );
});

interface PanelProps extends Pick<PartProps, "view" | "setView"> {
  asked: Subject | null;
  kinds: Kind[];
  /** None: it is not known yet which kinds there are. */
  chosen: Kind | undefined;
}

function Panel({ asked, view, setView, kinds, chosen }: PanelProps) {
  return (
    <Tabs.Root
      asChild
      value={chosen?.question ?? ""}
      onValueChange={(more) => setView({ more: more === kinds[0]?.question ? null : more })}
    >
      <section className="panel" aria-labelledby="more-figures">
        <header>
          <h2 id="more-figures">Other metrics</h2>
          <Tabs.List className={styles.tabs} aria-label="Kinds of figures">
            {kinds.map(({ question, title }) => (
              <Tabs.Trigger key={question} value={question} className={styles.tab}>
                {title}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
        </header>
        {chosen ? (
          <Tabs.Content value={chosen.question} className={`cut ${styles.content}`}>
            <Sheets key={chosen.question} subject={asked} view={view} kind={chosen} />
          </Tabs.Content>
        ) : (
          <div className={styles.content}>
            <Loading what="figures" />
          </div>
        )}
      </section>
    </Tabs.Root>
  );
}

/** The kinds of figures that a run has, at whatever thresholds; undefined: it is not known yet. */
function useKinds(subject: Subject | null, view: View): Kind[] | undefined {
  const basis = { policy: view.p, confidence: 0 };
  const answers = [
    useQuestion("segmentation", subject, basis),
    useQuestion("entities", subject, basis),
    useQuestion("classifications", subject, basis),
    useQuestion("regression", subject, basis),
    useQuestion("texts", subject, basis),
    useQuestion("keypoints", subject, basis),
    useQuestion("custom-metrics", subject, basis),
  ];
  // Not before all are known: a tab that comes late would push another one aside.
  if (answers.some((one) => one.isPending)) return undefined;
  return KINDS.filter(({ there }, i) => {
    const { data } = answers[i] ?? {};
    return data !== undefined && there(data as never);
  });
}

function Sheets({ subject, view, kind }: { subject: Subject | null; view: View; kind: Kind }) {
  const answer = useQuestion(kind.question, subject, filterOf(view) as never);
  if (answer.isPending) return <Loading what="figures" />;
  if (answer.isError) return <Failed error={answer.error} again={() => void answer.refetch()} />;
  return kind.sheets(answer.data as never).map((sheet, i) => <SheetTable key={sheet.title ?? i} {...sheet} />);
}
