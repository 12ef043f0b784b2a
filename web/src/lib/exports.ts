import type { QueryClient } from "@tanstack/react-query";
import { ask, type Subject } from "../api/ask";
import { ApiError } from "../api/client";
import type { ClassScores, Row } from "../api/schema";
import { filterOf, type View } from "../state/view";
import { csvLine } from "./download";
import { labelLines, labelsHead, rowLine } from "./labelLines";
import { chosenRows } from "./selection";

/** Told how much is done, from 0 to 1. */
type Progress = (share: number) => void;

const CLASSES = 2_000;
const ROWS = 200;
const CLASS_COLUMNS = [
  "label",
  "annotations",
  "predictions",
  "tp",
  "fp",
  "fn",
  "precision",
  "recall",
  "f1",
  "mean_iou",
] as const satisfies (keyof ClassScores)[];

/** Every class with its figures, as CSV. */
export async function classesCsv(subject: Subject, view: View, signal: AbortSignal, progress: Progress) {
  const lines = [csvLine([...CLASS_COLUMNS])];
  for (let offset = 0, total = 1; offset < total; offset += CLASSES) {
    const page = await ask("classes", subject, { ...filterOf(view), limit: CLASSES, offset }, signal);
    lines.push(...page.classes.map((one) => csvLine(CLASS_COLUMNS.map((name) => one[name]))));
    total = page.total;
    progress(total ? Math.min(1, (offset + CLASSES) / total) : 1);
  }
  return lines;
}

/** Every label of the rows that the gallery shows, as CSV. */
export async function labelsCsv(subject: Subject, view: View, signal: AbortSignal, progress: Progress) {
  const lines: string[] = [];
  for await (const row of rowsOf(subject, view, signal, progress))
    lines.push(...(lines.length === 0 ? [labelsHead(row)] : []), ...labelLines(row));
  return lines.length > 0 ? lines : [labelsHead(undefined)];
}

/** The rows that the gallery shows, a row a line. */
export async function rowsJson(subject: Subject, view: View, signal: AbortSignal, progress: Progress) {
  const lines: string[] = [];
  for await (const row of rowsOf(subject, view, signal, progress)) lines.push(rowLine(row));
  return lines;
}

/** Each data row of the gallery once, a page at a time. */
async function* rowsOf(subject: Subject, view: View, signal: AbortSignal, progress: Progress): AsyncGenerator<Row> {
  const seen = new Set<string>();
  const query = { ...filterOf(view), ...chosenRows(view) };
  for (let offset = 0, total = 1, limit = ROWS; offset < total;) {
    let page;
    try {
      page = await ask("rows", subject, { ...query, limit, offset }, signal);
    } catch (error) {
      // Rows of very many objects: so many are no answer.
      if (limit === 1 || !(error instanceof ApiError) || error.status !== 422) throw error;
      limit = Math.ceil(limit / 2);
      continue;
    }
    total = page.total;
    offset += limit;
    for (const row of page.rows) {
      if (seen.has(row.data_row)) continue;
      seen.add(row.data_row);
      yield row;
    }
    progress(total ? Math.min(1, offset / total) : 1);
  }
}

/** What is no figure, or was only a step on the way to one. */
const NO_FIGURES = new Set(["rows", "objects", "class-search", "metadata-values", "ontology", "datasets", "loss"]);

/** Every answer that the page shows at the moment, with the question that was asked, as JSON. */
export function figuresJson(queries: QueryClient, view: View): string {
  const answers = queries
    .getQueryCache()
    .findAll({ type: "active" })
    .filter((one) => one.state.data !== undefined && !NO_FIGURES.has(String(one.queryKey[0])))
    .map((one) => {
      const [question, of, query] = one.queryKey as [string, Subject | undefined, object | undefined];
      return { question, dataset: of?.dataset, run: of?.run, query, answer: one.state.data };
    });
  return JSON.stringify({ link: location.href, at: new Date().toISOString(), view, answers }, null, 2);
}
