import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Filtered, type Filters, filtersFor } from "../lib/basis";
import { chosenRows } from "../lib/selection";
import { OBJECT_TYPES } from "../lib/shape";
import { filterOf, type View } from "../state/view";
import { asking, type Subject, usePages } from "./ask";
import { askingDeclared } from "./datasets";
import { useHeadline } from "./headline";
import type { Row } from "./schema";
import { useShared } from "./shared";

const PAGE = 30;

/** What the gallery is asked with; null: it is not known yet. */
export function useFilters(subject: Subject | null, versus: Subject | null, view: View): Filters | null {
  return filtersFor(view, versus !== null, useShared(subject, versus, view));
}

/** The data rows of the gallery, of those that a filter lets pass. */
export function useRowPages(subject: Subject | null, view: View, filter: Filtered) {
  return usePages("rows", subject, {
    ...filter,
    // Which sort applies to data rows: of objects there is another one.
    sort: view.sort,
    descending: view.desc === "1",
    ...chosenRows(view),
    limit: PAGE,
  });
}

/** The objects behind a number, one by one. */
export function useObjectPages(subject: Subject | null, view: View, filter: Filtered, other: string | null) {
  const headline = useHeadline(subject, view);
  // What the headline counts is of its kind, and so are these; until it is known nothing is asked.
  const ofHeadline = view.counted === null ? {} : { ...headline?.ask, counted: view.counted };
  const known = view.counted === null || headline !== undefined;
  return usePages("objects", known ? subject : null, {
    ...filter,
    // Causes are of what has a place: an answer has none to be wrong about.
    type: view.cause ? OBJECT_TYPES : [],
    ...ofHeadline,
    ...(view.alone !== null && other !== null && { not_by: other }),
    outcome: view.outcome,
    cause: view.cause,
    actual: view.actual,
    predicted: view.predicted,
    where: view.w,
    sort: view.osort,
    descending: view.desc === "1",
    limit: PAGE,
  });
}

/** One data row by its name. */
export function useRow(subject: Subject | null, view: View, name: string) {
  return useQuery({
    ...asking("rows", subject, { ...filterOf(view), data_row: [name], limit: 1 }),
    // What is shown of this row at other thresholds may stay until the answer is there; another row may not.
    placeholderData: (before) => (before?.rows[0]?.data_row === name ? before : undefined),
    select: (answer) => answer.rows[0] ?? null,
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
  const { data } = useQuery({ ...askingDeclared(subject, names), placeholderData: keepPreviousData });
  return useMemo(() => new Map((data ?? []).map((one) => [one.name, one.skeleton])), [data]);
}
