import type { Row, RowObject } from "../api/schema";
import { csvLine } from "./download";
import { ROW_METRICS } from "./metrics";

/** The columns of labels, but for the metrics of data rows: those of `evalstream export`. */
const ROW_COLUMNS = ["data_row", "split", "width", "height"] as const satisfies (keyof Row)[];
const OBJECT_COLUMNS = [
  "id",
  "type",
  "feature",
  "label",
  "outcome",
  "cause",
  "matched",
  "iou",
  "confidence",
  "geometry",
  "area",
  "crowd",
  "detail",
  "parent",
  "repaired",
  "metrics",
] as const satisfies (keyof RowObject)[];

/** A data row a line, as JSON: with every object, its shape and what became of it, as `evalstream export` writes it. */
export const rowLine = (row: Row): string => `${JSON.stringify(row)}\n`;

/** The names of the columns of labels: every row has the same metrics. */
export function labelsHead(first: Row | undefined): string {
  const metrics = first ? Object.keys(first.metrics) : Object.keys(ROW_METRICS);
  return csvLine([...ROW_COLUMNS, "side", ...OBJECT_COLUMNS, ...metrics.map((name) => `row.${name}`)]);
}

/** A label a line, as CSV; a data row without an object has a line too. */
export function labelLines(row: Row): string[] {
  const own = ROW_COLUMNS.map((name) => row[name]);
  const metrics = Object.values(row.metrics);
  const line = (side: string | null, of: RowObject | null) =>
    csvLine([...own, side, ...OBJECT_COLUMNS.map((name) => (of ? fieldOf(of[name]) : null)), ...metrics]);
  const lines = [
    ...row.annotations.map((one) => line("annotation", one)),
    ...row.predictions.map((one) => line("prediction", one)),
  ];
  return lines.length > 0 ? lines : [line(null, null)];
}

/** A value as `evalstream export` writes it: what is no number or text is JSON, and whether something is so, in words. */
function fieldOf(value: RowObject[(typeof OBJECT_COLUMNS)[number]]): string | number | null | undefined {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}
