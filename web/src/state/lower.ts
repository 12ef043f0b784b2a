import { parseAsArrayOf, parseAsString, parseAsStringLiteral } from "nuqs";
import { isOfObjects, isRowMetric } from "../lib/metrics";
import { parseAsCondition, parseAsText } from "./parsers";

/** What became of a case: an object with what it is matched to, if anything. */
export const CASES = ["right", "wrong", "missed", "false_alarm"] as const;
export const CAUSES = ["wrong class", "poor localisation", "both", "duplicate", "background", "missed"] as const;
/** As what the headline counts objects. */
export const COUNTED = ["tp", "fp", "fn"] as const;
export const OBJECT_ORDERS = ["data_row", "confidence", "iou"] as const;
export const SIDES = ["annotation", "prediction"] as const;
export const COLUMNS = [
  "annotations",
  "predictions",
  "tp",
  "fp",
  "fn",
  "tn",
  "precision",
  "recall",
  "f1",
  "mean_iou",
  "dice",
  "jaccard",
  "specificity",
  "curve",
] as const;
export type Column = (typeof COLUMNS)[number];
const SHOWN: Column[] = ["annotations", "tp", "fp", "fn", "precision", "recall", "f1", "curve"];

/** What the lower half of the page adds to the state in the URL. */
export const LOWER = {
  /** The gallery: data rows or objects; if not said, objects where a cell, an outcome or a cause was chosen. */
  show: parseAsStringLiteral(["rows", "objects"] as const),
  outcome: parseAsStringLiteral(CASES),
  cause: parseAsStringLiteral(CAUSES),
  /** What a figure of the headline counts; with `alone` only the false positives that the other run does not make. */
  counted: parseAsStringLiteral(COUNTED),
  alone: parseAsStringLiteral(["1"] as const),
  /** Of which run the objects of a cell are shown, where it is not the first. */
  whose: parseAsStringLiteral(["b"] as const),
  /** Conditions on metrics of data rows, or of the objects themselves: `f1>=0.2`, `iou<0.6`. */
  w: parseAsArrayOf(
    parseAsCondition((name) => isRowMetric(name) || isOfObjects(name), "numbers"),
    "|",
  ).withDefault([]),
  osort: parseAsStringLiteral(OBJECT_ORDERS).withDefault("data_row"),
  /** The object that is looked at in the open data row: its side and its id. */
  object: parseAsString,
  hide: parseAsArrayOf(parseAsStringLiteral(SIDES)).withDefault([]),
  /** The table of classes. */
  cols: parseAsArrayOf(parseAsStringLiteral(COLUMNS)).withDefault(SHOWN),
  csort: parseAsText((text) => text === "label" || COLUMNS.some((one) => one === text && one !== "curve")).withDefault(
    "f1",
  ),
  cdesc: parseAsStringLiteral(["1"] as const),
  cq: parseAsString.withDefault(""),
  /** The histogram, and the bars beside it; if it is not said of what, of what there is. */
  dist: parseAsStringLiteral(["metric", "outcomes", "classes"] as const).withDefault("metric"),
  hist: parseAsText((text) => /^metadata\../.test(text) || isOfObjects(text) || isRowMetric(text)),
  /** What stands side by side in it. */
  by: parseAsText((text) => ["split", "class", "slice"].includes(text) || /^metadata\../.test(text)),
  bsort: parseAsStringLiteral(["annotations", "predictions", "label"] as const).withDefault("annotations"),
  bq: parseAsString.withDefault(""),
  more: parseAsString,
  /** By what the table of slices parts the run; nothing: by what comes first. */
  parted: parseAsText((text) => ["split", "slice"].includes(text) || /^metadata\../.test(text)),
};

/** What does not outlive a change of the dataset. */
export const NOTHING_CHOSEN = {
  sort: null,
  outcome: null,
  cause: null,
  counted: null,
  alone: null,
  w: null,
  object: null,
  hist: null,
  by: null,
  parted: null,
  cq: null,
  bq: null,
};
