import { useQueries, type UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { useHeadline } from "./headline";
import { summaryOf } from "../lib/kinds";
import type { Sharing } from "../lib/sideBySide";
import type { Answers } from "../lib/tiles";
import { filterOf, ofAllDetections, type View } from "../state/view";
import { type AnswerOf, asking, type Question, type Subject, useQuestion } from "./ask";

type Query<Q extends Question> = Parameters<typeof asking<Q>>[2];

type Each<T> = Pick<UseQueryResult<T>, "data" | "error" | "isPlaceholderData">;

/** Ask each run the same, over the rows that it shares with the first one; meanwhile its own last answer stays. */
export function useEach<Q extends Question>(
  question: Q,
  first: Subject | null,
  runs: Subject[],
  query: Query<Q> | undefined,
): Each<AnswerOf<Q>>[] {
  return useQueries({
    queries: runs.map((one) => ({
      ...asking(question, first && query ? one : null, { ...query, shared_with: first?.run }),
      placeholderData: (last: AnswerOf<Q> | undefined, before?: { queryKey: readonly unknown[] }) =>
        (before?.queryKey[1] as Subject | null | undefined)?.run === one.run ? last : undefined,
    })),
    combine: answered,
  });
}

/** What is known so far; as one and the same function, so that the list is new only where an answer is. */
function answered<T>(answers: Each<T>[]): Each<T>[] {
  return answers.map(({ data, error, isPlaceholderData }) => ({ data, error, isPlaceholderData }));
}

/** What further runs are asked with for their headline; it also tells how many rows they share with the first. */
function useSummaries(subject: Subject | null, also: Subject[], view: View) {
  const headline = useHeadline(subject, view);
  return useEach("summary", subject, also, headline && { ...filterOf(view), ...headline.ask });
}

/** How many rows of the first run each further one has, under the filters. */
export function useSharing(subject: Subject | null, also: Subject[], view: View): Sharing[] {
  return useSummaries(subject, also, view).map(({ data }, i) => ({ run: also[i]?.run ?? "", rows: data?.rows }));
}

/** A further run beside the first: the figures of both over the rows that they share. */
export interface Other {
  run: string;
  rows: number | undefined;
  own: Answers;
  theirs: Answers;
  error: Error | null;
  /** Whether some of it is of the last view. */
  stale: boolean;
}

/** The first run's own headline, as far as it is of this very view: further runs are measured by nothing else. */
export function useAnswers(subject: Subject, view: View): Answers {
  const overview = useQuestion("overview", subject, filterOf(view));
  const average = useQuestion("average-precision", subject, ofAllDetections(filterOf(view)));
  const headline = useHeadline(subject, view);
  return {
    summary: overview.isPlaceholderData ? undefined : summaryOf(overview.data, headline),
    average: average.isPlaceholderData ? undefined : average.data,
  };
}

/** The headline of further runs. Of a run that has all rows of the first, the first one's own figures are at hand. */
export function useOthers(subject: Subject | null, also: Subject[], view: View, whole: Answers): Other[] {
  const headline = useHeadline(subject, view);
  const ofCounts = headline && { ...filterOf(view), ...headline.ask };
  const ofAverage = ofAllDetections(filterOf(view));
  const summaries = useSummaries(subject, also, view);
  const averages = useEach("average-precision", subject, also, ofAverage);
  const isPart = (i: number) => {
    const rows = summaries[i]?.data?.rows;
    return rows !== undefined && rows > 0 && whole.summary !== undefined && rows !== whole.summary.rows;
  };
  const parts = also.map((one, i) => (subject && isPart(i) ? one : null));
  const ownSummaries = useQueries({
    queries: parts.map((one) =>
      asking("summary", one && ofCounts ? subject : null, { ...ofCounts, shared_with: one?.run ?? null }),
    ),
  });
  const ownAverages = useQueries({
    queries: parts.map((one) =>
      asking("average-precision", one && subject, { ...ofAverage, shared_with: one?.run ?? null }),
    ),
  });
  return also.map(({ run }, i) => {
    const asked = [summaries[i], averages[i]];
    return {
      run,
      rows: summaries[i]?.data?.rows,
      own: parts[i] ? { summary: ownSummaries[i]?.data, average: ownAverages[i]?.data } : whole,
      theirs: { summary: summaries[i]?.data, average: averages[i]?.data },
      error: asked.find((one) => one?.error)?.error ?? null,
      stale: asked.some((one) => one?.isPlaceholderData),
    };
  });
}

/** The same runs as the same list, however often the address is read anew. */
export function useSubjects(dataset: string | undefined, runs: string[]): Subject[] {
  const names = JSON.stringify(runs);
  return useMemo(
    () => (dataset === undefined ? [] : (JSON.parse(names) as string[]).map((run) => ({ dataset, run }))),
    [dataset, names],
  );
}
