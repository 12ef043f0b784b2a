import { useMemo } from "react";
import { type Subject, usePages, useQuestion } from "../api/ask";
import type { ClassScores } from "../api/schema";
import type { Column } from "../state/lower";
import { filterOf, type View } from "../state/view";
import { inOrder } from "./classes";
import { ANSWER_TYPES, OBJECT_TYPES } from "./shape";

/** How many classes are asked for at a time, where there are too many to have them all here. */
export const PAGE = 200;

export interface ClassesInOrder {
  /** Classes of objects, and then answers to questions: neither is to be measured by the other. */
  classes: ClassScores[];
  answers: ClassScores[];
  /** How many there are of each, here or not. */
  totals: [number, number] | undefined;
  isFetching: boolean;
  error: Error | null;
  again: () => void;
  /** Ask for more of them; nothing happens if there are none. */
  more: () => void;
}

/**
 * The classes that the table shows, as it sorts and searches them: here if the overview has them all, and else asked for
 * where the table is `near` the screen.
 */
export function useClasses(subject: Subject | null, view: View, near: boolean): ClassesInOrder {
  const overview = useQuestion("overview", subject, filterOf(view));
  const found = overview.data?.classes;
  const whole = found && found.total <= found.classes.length ? found.classes : undefined;
  const own = useMemo(() => whole && inOrder(whole, view), [whole, view]);

  const query = {
    ...filterOf(view),
    sort: view.csort as Exclude<Column, "curve">,
    descending: view.cdesc === "1",
    search: view.cq,
    limit: PAGE,
  };
  const asked = found && !whole && near ? subject : null;
  const classes = usePages("classes", asked, { ...query, type: OBJECT_TYPES });
  const answers = usePages("classes", asked, { ...query, type: ANSWER_TYPES });
  const pages = useMemo(
    () => [classes.data, answers.data].map((data) => (data?.pages ?? []).flatMap((page) => page.classes)),
    [classes.data, answers.data],
  );
  if (own || !asked) {
    const [ofObjects = [], ofQuestions = []] = own ?? [];
    return {
      classes: ofObjects,
      answers: ofQuestions,
      totals: own && [ofObjects.length, ofQuestions.length],
      isFetching: overview.isFetching,
      error: overview.error,
      again: () => void overview.refetch(),
      more: () => {},
    };
  }
  const [first, second] = [classes.data?.pages[0], answers.data?.pages[0]];
  const failed = [classes, answers].find((one) => one.isError);
  return {
    classes: pages[0] ?? [],
    answers: classes.hasNextPage ? [] : (pages[1] ?? []),
    totals: first && second && [first.total, second.total],
    isFetching: classes.isFetching || answers.isFetching,
    error: failed?.error ?? null,
    again: () => void failed?.refetch(),
    more: () => {
      const next = classes.hasNextPage ? classes : answers;
      if (next.hasNextPage && !next.isFetchingNextPage) void next.fetchNextPage();
    },
  };
}
