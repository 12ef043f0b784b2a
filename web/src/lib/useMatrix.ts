import { useMemo } from "react";
import { type Subject, useQuestion } from "../api/ask";
import { useShared } from "../api/shared";
import type { ConfusionMatrix } from "../api/schema";
import { filterOf, type View } from "../state/view";
import type { Shared } from "./basis";
import { isAnswerLabel } from "./classLabel";
import { type Cell, type Counts, countsOf, inOrder, topConfusions } from "./matrix";
import { useFrozenWhileDragged } from "./useFrozenWhileDragged";

/**
 * Of a matrix that is too large to be asked for whole: as many cells as tell which classes come first. Among fewer
 * classes than are shown there are no more cells than their square.
 */
const worstOf = (most: number) => Math.max(500, most * most);
/** Of the classes shown, with whatever they are confused with. */
const PART = 20_000;

/** How many of what is taken for what are listed. */
const CONFUSIONS = 6;

const isWhole = (answer: ConfusionMatrix | undefined) => answer !== undefined && answer.total <= answer.cells.length;

export interface Matrix {
  labels: string[];
  /** How many classes there are to show; undefined: not counted yet. */
  total: number | undefined;
  own: Counts | undefined;
  their: Counts | undefined;
  /** What is taken for what, of all classes; undefined: not known. */
  confusions: Cell[] | undefined;
  /** The rows that both are counted on. */
  shared: Shared | undefined;
  isPending: boolean;
  error: Error | null;
  again: () => void;
}

/**
 * The classes that the confusion matrix shows, and the cells among them, however many there are: objects before answers
 * to questions, and while something is dragged, in the order from before.
 */
export function useMatrix(subject: Subject | null, versus: Subject | null, view: View, search: string): Matrix {
  const shared = useShared(subject, versus, view);
  // One run less the other is over the rows that both have; until these are known nothing is asked.
  const filter = shared?.own ?? filterOf(view);
  const known = versus === null || shared ? subject : null;
  const overview = useQuestion("overview", known, filter);
  const theirOverview = useQuestion("overview", shared ? versus : null, shared?.theirs ?? filter);
  const whole = overview.data?.confusion_matrix;
  const theirWhole = theirOverview.data?.confusion_matrix;
  const complete = isWhole(whole) && (versus === null || isWhole(theirWhole));
  const large = whole !== undefined && (versus === null || theirWhole !== undefined) && !complete;

  const ordered = useMemo(() => {
    const answers = complete ? [whole, versus ? theirWhole : undefined] : [];
    const counts = answers.flatMap((one) => (one ? [countsOf(one)] : []));
    return inOrder(counts, view.order, search);
  }, [complete, whole, versus, theirWhole, view.order, search]);

  // Too many to have here: the service says which classes come first, and then only their cells are asked for.
  const byErrors = view.order === "errors";
  const worst = useQuestion("confusion-matrix", large && byErrors ? subject : null, {
    ...filter,
    cells: "errors",
    sort: "confused",
    search,
    limit: worstOf(view.most),
  });
  // How many there are the overview tells, unless they are searched.
  const paged = large && (!byErrors || search !== "");
  const page = useQuestion("classes", paged ? subject : null, {
    ...filter,
    search,
    ...(view.order === "count" ? { sort: "annotations", descending: true } : { sort: "label" }),
    limit: view.most,
  });
  const first = useMemo(() => {
    if (!large) return [];
    if (!byErrors) return (page.data?.classes ?? []).map((one) => one.label);
    return worst.data ? inOrder([countsOf(worst.data)], "errors", search) : [];
  }, [large, byErrors, page.data, worst.data, search]);

  const confusions = useMemo(() => {
    const answer = large ? worst.data : whole;
    return answer && topConfusions(countsOf(answer).cells, CONFUSIONS);
  }, [large, whole, worst.data]);

  const found = large ? first : ordered;
  const sorted = useMemo(() => {
    const most = found.slice(0, view.most);
    return [...most.filter((label) => !isAnswerLabel(label)), ...most.filter(isAnswerLabel)];
  }, [found, view.most]);
  const held = useFrozenWhileDragged(sorted);
  const labels = held.length > 0 ? held : sorted;
  const cells = { ...filter, label: labels, limit: PART };
  // Of an order that is about to change no cells are asked for, unless it is held.
  const isLate = labels === sorted && (byErrors ? worst.isPlaceholderData : page.isPlaceholderData);
  const some = large && labels.length > 0 && !isLate;
  const part = useQuestion("confusion-matrix", some ? subject : null, cells);
  const theirPart = useQuestion("confusion-matrix", some ? versus : null, { ...cells, ...shared?.theirs });
  const [answer, theirAnswer] = large ? [part.data, theirPart.data] : [whole, theirWhole];
  const own = useMemo(() => answer && countsOf(answer, labels), [answer, labels]);
  const their = useMemo(
    () => (versus && theirAnswer ? countsOf(theirAnswer, labels) : undefined),
    [versus, theirAnswer, labels],
  );

  const asked = large
    ? [
        overview,
        ...(byErrors ? [worst] : []),
        ...(paged ? [page] : []),
        ...(labels.length ? [part] : []),
        ...(versus ? [theirPart] : []),
      ]
    : [overview, ...(versus ? [theirOverview] : [])];
  const failed = asked.find((one) => one.isError);
  return {
    labels,
    total: paged ? page.data?.total : large ? overview.data?.classes.total : ordered.length,
    own,
    their,
    confusions,
    shared,
    isPending: known === null || asked.some((one) => one.isPending && one.fetchStatus !== "idle"),
    error: failed?.error ?? null,
    again: () => asked.forEach((one) => void one.refetch()),
  };
}
