import { keepPreviousData, useInfiniteQuery, useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import type { View } from "../state/view";
import { filterOf } from "../state/view";
import { ask, asking, type QueryOf } from "./ask";
import { answered, api } from "./client";
import type { Subject } from "./questions";
import type { ClassScores, Curve } from "./schema";

/** Classes in order, as many as were looked at so far. */
export function useClassPages(
  subject: Subject | null,
  view: View,
  order: Pick<QueryOf<"classes">, "sort" | "descending" | "search">,
  limit: number,
) {
  const query = { ...filterOf(view), ...order, limit };
  return useInfiniteQuery({
    queryKey: ["classes", "paged", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) => ask("classes", subject as Subject, { ...query, offset: pageParam }, signal),
    getNextPageParam: (last, pages) => (pages.length * limit < last.total ? pages.length * limit : undefined),
  });
}

/** What belongs to a class beside its figures. */
export interface Beside {
  curve: Curve | undefined;
  color: string | undefined;
  /** The same class of the other run. */
  other: ClassScores | undefined;
}

const POINTS = 40;

/** Curves, colours and the other run's figures of the labels that are in sight, a part of the table at a time. */
export function useBeside(
  subject: Subject | null,
  versus: Subject | null,
  view: View,
  parts: string[][],
  curves: boolean,
) {
  const filter = filterOf(view);
  const found = useQueries({
    queries: parts.map((label) =>
      asking("pr-curve", curves ? subject : null, {
        ...filter,
        confidence: 0,
        per_class: true,
        label,
        max_points: POINTS,
      }),
    ),
    combine: data,
  });
  const theirs = useQueries({
    queries: parts.map((label) => asking("classes", versus, { ...filter, label, limit: label.length })),
    combine: data,
  });
  const colors = useQueries({
    queries: parts.map((name) => ({
      queryKey: ["dataset-classes", subject?.dataset, name],
      enabled: subject !== null,
      staleTime: 60_000,
      queryFn: async ({ signal }: { signal: AbortSignal }) =>
        answered(
          await api.GET("/v1/datasets/{dataset}/classes", {
            params: { path: { dataset: subject?.dataset ?? "" }, query: { name } },
            signal,
          }),
        ).classes,
    })),
    combine: data,
  });
  return useMemo(() => {
    const beside = new Map<string, Beside>();
    const of = (label: string) => {
      const own = beside.get(label) ?? { curve: undefined, color: undefined, other: undefined };
      beside.set(label, own);
      return own;
    };
    for (const answer of found) for (const curve of answer?.curves ?? []) of(curve.label ?? "").curve = curve;
    for (const answer of theirs) for (const one of answer?.classes ?? []) of(one.label).other = one;
    for (const answer of colors) for (const { name, color } of answer ?? []) of(name).color = color;
    return beside;
  }, [found, theirs, colors]);
}

/** What is answered so far; as one and the same function, so that the list is new only where an answer is. */
function data<T>(answers: { data: T | undefined }[]): (T | undefined)[] {
  return answers.map((answer) => answer.data);
}
