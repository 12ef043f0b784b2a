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

/** How many metrics a question may name. */
const NAMED = 100;

/** Metrics of one data row that are given only where they are named: custom ones and measures. */
export function useNamedMetrics(subject: Subject | null, view: View, row: string, names: string[]) {
  const naming = (metric: string[]) => ({
    ...asking("rows", subject, { ...filterOf(view), data_row: [row], limit: 1, metric }),
    retry: false,
  });
  const parts = Array.from({ length: Math.ceil(names.length / NAMED) }, (_, i) =>
    names.slice(i * NAMED, (i + 1) * NAMED),
  );
  const answers = useQueries({ queries: parts.map(naming) });
  // One that was sent with more than one aggregation is refused, and all that are named with it: then each is asked alone.
  const alone = parts.filter((_, i) => answers[i]?.isError).flat();
  const answersAlone = useQueries({ queries: alone.map((name) => naming([name])) });
  return names.map((name) => {
    const at = alone.indexOf(name);
    const answer = at < 0 ? answers[Math.floor(names.indexOf(name) / NAMED)] : answersAlone[at];
    return { name, value: answer?.data?.rows[0]?.metrics[name] ?? null, known: answer?.isSuccess ?? false };
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
