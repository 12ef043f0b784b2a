import type { QueryClient } from "@tanstack/react-query";
import { ask, type Subject } from "../api/ask";
import type { ClassScores, RowObject } from "../api/schema";
import { filterOf, type View } from "../state/view";
import { csvLine } from "./download";

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

const OBJECT_COLUMNS = [
  "id",
  "type",
  "label",
  "confidence",
  "outcome",
  "cause",
  "matched",
  "iou",
] as const satisfies (keyof RowObject)[];

/** Every annotation and prediction of the selected rows with what became of it, as CSV. */
export async function labelsCsv(subject: Subject, view: View, signal: AbortSignal, progress: Progress) {
  const lines = [csvLine(["data_row", "split", "side", ...OBJECT_COLUMNS])];
  for (let offset = 0, total = 1; offset < total; offset += ROWS) {
    const query = {
      ...filterOf(view),
      actual: view.actual,
      predicted: view.predicted,
      limit: ROWS,
      offset,
    };
    const page = await ask("rows", subject, query, signal);
    for (const row of page.rows) {
      for (const [side, objects] of [
        ["annotation", row.annotations],
        ["prediction", row.predictions],
      ] as const) {
        for (const one of objects) {
          lines.push(csvLine([row.data_row, row.split, side, ...OBJECT_COLUMNS.map((name) => one[name])]));
        }
      }
    }
    total = page.total;
    progress(total ? Math.min(1, (offset + ROWS) / total) : 1);
  }
  return lines;
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
