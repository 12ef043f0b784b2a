import { nameOfLabel } from "./classLabel";
import { useMemo } from "react";
import { type Subject, useQuestion } from "../api/ask";
import { useHeadline } from "../api/headline";
import { useBasis } from "../api/shared";
import { useEach } from "../api/sideBySide";
import type { QuestionRoc } from "../api/schema";
import { curveOf, filterOf, type View } from "../state/view";
import { ALSO, PARTS } from "./chart";
import { count, ratio } from "./format";
import type { Headline } from "./kinds";
import { type Line, lineOf, lineOfCalibration, lineOfRoc } from "./lines";
import { useStill } from "./useStill";

/** More classes than there are colours could not be told apart. */
export const MOST_LINES = PARTS.length;
/** Into how many bins confidence is parted for calibration. */
const BINS = 10;

interface Asked {
  subject: Subject | null;
  versus: Subject | null;
  also: Subject[];
  view: View;
}

/** Curves of one kind, and what is said of them. */
export interface Drawn {
  lines: Line[];
  question: { isPending: boolean; isError: boolean; error: Error | null; refetch: () => unknown };
  /** What stands where there is no line. */
  none: { title: string; why: string };
  said?: string | undefined;
}

/** What curves of each run are asked with, once it is known of which rows. */
function useAsked({ subject, versus, view }: Omit<Asked, "also">) {
  const basis = useBasis(subject, versus, view);
  return { own: basis && curveOf(basis.own), theirs: basis?.theirs ? curveOf(basis.theirs) : undefined };
}

/** What further runs are asked with: each over the rows that it shares with the first, and once nothing moves. */
function useAskedOfOthers(view: View) {
  return curveOf(filterOf(useStill(view)));
}

/** The line of a further run. */
function lineBeside(line: Line, i: number): Line {
  return { ...line, ...ALSO[i] };
}

/** Precision, recall and F1 at every confidence: of each run, and of the classes that were chosen. */
export function useScores({ subject, versus, also, view }: Asked, enabled: boolean): Drawn {
  const kind = view.curve === "f1" ? "f1" : "pr";
  const { own: query, theirs } = useAsked({ subject, versus, view });
  const headline = useHeadline(subject, view);
  const known = enabled && headline !== undefined && query !== undefined;
  const own = useQuestion("pr-curve", known ? subject : null, { ...query, ...headline?.ask });
  const other = useQuestion("pr-curve", known && theirs ? versus : null, { ...theirs, ...headline?.ask });
  const asked = useAskedOfOthers(view);
  const others = useEach("pr-curve", known ? subject : null, also, { ...asked, ...headline?.ask });
  const chosen = view.lines.slice(0, MOST_LINES);
  const labelled = useQuestion("pr-curve", enabled && query && chosen.length > 0 ? subject : null, {
    ...query,
    per_class: true,
    label: chosen,
  });
  const compared = theirs !== undefined;
  const lines = useMemo(
    () => [
      ...(own.data?.curves ?? []).map((curve) => lineOf(subject?.run ?? "", "run-a", curve, kind)),
      ...(versus && compared ? (other.data?.curves ?? []) : []).map((curve) =>
        lineOf(versus?.run ?? "", "run-b", curve, kind),
      ),
      ...others.flatMap(({ data }, i) =>
        (data?.curves ?? []).map((curve) => lineBeside(lineOf(also[i]?.run ?? "", "", curve, kind), i)),
      ),
      ...view.lines.slice(0, MOST_LINES).flatMap((label, i) => {
        const curve = labelled.data?.curves.find((one) => one.label === label);
        return curve ? [lineOf(nameOfLabel(label), PARTS[i] ?? "", curve, kind)] : [];
      }),
    ],
    [own.data, other.data, others, also, labelled.data, subject?.run, versus, compared, view.lines, kind],
  );
  const best = own.data?.curves[0];
  return {
    lines,
    question: own,
    none:
      best && best.annotations === 0 && best.confidence.length > 0
        ? { title: "No annotations here.", why: "A curve needs annotations that pass the filters; predictions do." }
        : { title: "No predictions here.", why: "A curve needs predictions and annotations that pass the filters." },
    said:
      best && best.best_f1 !== null
        ? `F1${ofKind(headline)} is best, ${ratio(best.best_f1)}, at confidence ${ratio(best.best_f1_confidence)}.`
        : undefined,
  };
}

/** The ROC curves of one question: of each run over all options together, and of the options that were chosen. */
export function useRoc({ subject, versus, also, view }: Asked, enabled: boolean) {
  const { own: query, theirs: theirQuery } = useAsked({ subject, versus, view });
  const own = useQuestion("roc-curve", enabled && query ? subject : null, query ?? {});
  const other = useQuestion("roc-curve", enabled && theirQuery ? versus : null, theirQuery ?? {});
  const asked = useAskedOfOthers(view);
  const others = useEach("roc-curve", enabled ? subject : null, also, asked);
  const compared = theirQuery !== undefined;
  const questions = own.data?.questions.map((one) => one.question) ?? [];
  const chosen = questions.includes(view.question ?? "") ? view.question : (questions[0] ?? null);
  const found = own.data?.questions.find((one) => one.question === chosen);
  const options = useMemo(
    () =>
      (found?.options ?? []).map(({ option, auc }) => ({ option, auc, label: `${found?.question ?? ""}=${option}` })),
    [found],
  );
  const picked = useMemo(
    () =>
      view.lines.slice(0, MOST_LINES).flatMap((label, i) => {
        const one = options.find((option) => option.label === label);
        return one ? [{ ...one, color: PARTS[i] ?? "" }] : [];
      }),
    [view.lines, options],
  );
  const each = useQuestion("roc-curve", enabled && query && picked.length > 0 ? subject : null, {
    ...query,
    per_class: true,
    option: picked.map((one) => one.option),
  });
  const lines = useMemo(() => {
    const theirs = versus && compared && other.data?.questions.find((one) => one.question === chosen);
    const split = each.data?.questions.find((one) => one.question === chosen);
    return [
      lineOfRoc(subject?.run ?? "", "run-a", found),
      ...(versus && theirs ? [lineOfRoc(versus.run, "run-b", theirs)] : []),
      ...others.map(({ data }, i) => {
        const beside = data?.questions.find((one) => one.question === chosen);
        return lineBeside(lineOfRoc(also[i]?.run ?? "", "", beside), i);
      }),
      ...picked.map(({ label, color, option }) => lineOfRoc(nameOfLabel(label), color, split, option)),
    ].filter((line) => line.points.length > 0);
  }, [found, other.data, others, also, each.data, picked, chosen, subject?.run, versus, compared]);
  return {
    lines,
    questions,
    chosen,
    options,
    question: own,
    none: {
      title: "No ROC curve here.",
      why: own.data?.undefined.questions ?? "Every option is true in every case, or in none.",
    },
    said: found && `AUC ${areasOf(found)}; ${count(found.cases)} cases.`,
  };
}

/** Where there are objects and answers, a figure is of the one or the other. */
function ofKind(headline: Headline | undefined): string {
  return headline?.kind && headline.kinds.length > 1 ? ` of ${headline.kind}` : "";
}

/** The areas under a question's curves, each by what it is the mean of. */
function areasOf({ auc_micro, auc_macro, auc_ovo_macro, auc_samples }: QuestionRoc): string {
  return [
    `${ratio(auc_micro)} over all options together`,
    `${ratio(auc_macro)} the mean over options`,
    ...(auc_ovo_macro === null ? [] : [`${ratio(auc_ovo_macro)} over pairs of options`]),
    ...(auc_samples === null ? [] : [`${ratio(auc_samples)} over cases`]),
  ].join(", ");
}

/** How often predictions are correct against how sure they are, of each run. */
export function useReliability({ subject, versus, also, view }: Asked, enabled: boolean): Drawn {
  const headline = useHeadline(subject, view);
  const basis = useBasis(subject, versus, view);
  const known = enabled && headline !== undefined && basis !== undefined;
  const more = { ...headline?.ask, confidence: 0, bins: BINS };
  const own = useQuestion("calibration", known ? subject : null, { ...basis?.own, ...more });
  const other = useQuestion("calibration", known && basis.theirs ? versus : null, { ...basis?.theirs, ...more });
  const others = useEach("calibration", known ? subject : null, also, { ...filterOf(useStill(view)), ...more });
  const compared = basis?.theirs != null;
  const lines = useMemo(
    () =>
      [
        lineOfCalibration(subject?.run ?? "", "run-a", own.data),
        ...(versus && compared ? [lineOfCalibration(versus.run, "run-b", other.data)] : []),
        ...others.map(({ data }, i) => lineBeside(lineOfCalibration(also[i]?.run ?? "", "", data), i)),
      ].filter((line) => line.points.length > 0),
    [own.data, other.data, others, also, subject?.run, versus, compared],
  );
  return {
    lines,
    question: own,
    none: { title: "No predictions here.", why: "Calibration needs predictions that pass the filters." },
    said:
      own.data &&
      `Expected calibration error${ofKind(headline)} ${ratio(own.data.ece)}, the largest ${ratio(own.data.mce)}; ${count(own.data.predictions)} predictions.`,
  };
}
