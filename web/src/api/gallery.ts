import { keepPreviousData, useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { filterOf, type View } from "../state/view";
import { ask, asking } from "./ask";
import { answered, api } from "./client";
import type { Subject } from "./questions";
import type { ClassOfDataset, Row } from "./schema";

const PAGE = 30;
/** What the analysis of errors is about: answers to questions have no place to be wrong about. */
const LOCALISED = ["bbox", "rotated_box", "polygon", "mask", "polyline", "point", "keypoints", "span"] as const;

/** The pages of a list, one after the other; how many there are in all, each of them says. */
function paged<Page extends { total: number }>(
  key: string,
  subject: Subject | null,
  query: object,
  page: (offset: number, signal: AbortSignal) => Promise<Page>,
) {
  return {
    queryKey: [key, "paged", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }: { pageParam: number; signal: AbortSignal }) => page(pageParam, signal),
    getNextPageParam: (last: Page, pages: Page[]) => {
      const seen = pages.length * PAGE;
      return seen < last.total ? seen : undefined;
    },
  };
}

/** Which sort applies to data rows: of objects there is another one. */
export function useRowPages(subject: Subject | null, view: View) {
  const query = {
    ...filterOf(view),
    sort: view.sort as "data_row",
    descending: view.desc === "1",
    where: view.w,
    cause: view.cause,
    actual: view.actual,
    predicted: view.predicted,
    limit: PAGE,
  };
  return useInfiniteQuery(
    paged("rows", subject, query, (offset, signal) => ask("rows", subject as Subject, { ...query, offset }, signal)),
  );
}

/** The objects behind a number, one by one. */
export function useObjectPages(subject: Subject | null, view: View) {
  const query = {
    ...filterOf(view),
    type: view.cause ? [...LOCALISED] : [],
    outcome: view.outcome,
    cause: view.cause,
    actual: view.actual,
    predicted: view.predicted,
    sort: view.osort,
    descending: view.desc === "1",
    limit: PAGE,
  };
  return useInfiniteQuery(
    paged("objects", subject, query, (offset, signal) =>
      ask("objects", subject as Subject, { ...query, offset }, signal),
    ),
  );
}

/** One data row by its name. */
export function useRow(subject: Subject | null, view: View, name: string | null) {
  const query = { ...filterOf(view), data_row: [name ?? ""], limit: 1 };
  return useQuery<Row | null>({
    queryKey: ["rows", "one", subject, query],
    enabled: subject !== null && name !== null,
    // What is shown of this row at other thresholds may stay until the answer is there; another row may not.
    placeholderData: (before) => (before?.data_row === name ? before : undefined),
    queryFn: async ({ signal }): Promise<Row | null> =>
      (await ask("rows", subject as Subject, query, signal)).rows[0] ?? null,
  });
}

/** Metrics of one data row that are given only where they are named: custom ones and measures. */
export function useNamedMetrics(subject: Subject | null, view: View, row: string, names: string[]) {
  const questions = names.map((sort) => ({
    ...asking("rows", subject, { ...filterOf(view), data_row: [row], limit: 1, sort }),
    retry: false,
  }));
  return useQueries({
    queries: questions,
    combine: (answers) =>
      answers.map((answer, i) => ({
        name: names[i] ?? "",
        value: answer.data?.rows[0]?.metrics[names[i] ?? ""] ?? null,
        known: answer.isSuccess,
      })),
  });
}

/** The lines between keypoints, by class. */
export function useSkeletons(subject: Subject | null, rows: Row[]) {
  const names = useMemo(() => {
    const objects = rows.flatMap((row) => [...row.annotations, ...row.predictions]);
    return [...new Set(objects.filter((one) => one.type === "keypoints").map((one) => one.feature))].sort();
  }, [rows]);
  const found = useDatasetClasses(subject, names);
  return useMemo(() => {
    // The client's types make a plain list of a pair of numbers; the schema knows better.
    const classes = (found.data ?? []) as ClassOfDataset[];
    return new Map<string, [number, number][]>(classes.map((one) => [one.name, one.skeleton]));
  }, [found.data]);
}

/** What is declared of classes, such as their colours. */
export function useDatasetClasses(subject: Subject | null, names: string[]) {
  return useQuery({
    queryKey: ["dataset-classes", subject?.dataset, names],
    enabled: subject !== null && names.length > 0,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/classes", {
          params: { path: { dataset: subject?.dataset ?? "" }, query: { name: names } },
          signal,
        }),
      ).classes,
  });
}
