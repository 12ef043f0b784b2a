import { type inferParserType, parseAsArrayOf, parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useCallback, useEffect } from "react";
import { KINDS } from "../lib/kinds";
import { isRowMetric } from "../lib/metrics";
import { COMPARED } from "./comparison";
import { LOWER } from "./lower";
import { parseAsCondition, parseAsNumber, parseAsText, parseAsWhole } from "./parsers";

export const POLICIES = ["iou-greedy", "coco", "best-candidate"] as const;
export const CURVES = ["pr", "f1", "roc", "calibration"] as const;
export const UNITS = ["count", "row", "column"] as const;
export const ORDERS = ["errors", "name", "count"] as const;
/** How many classes the confusion matrix shows at first. */
export const MOST = 12;
/** More than these would be a carpet, and slow: there is the search. */
export const AT_MOST = 60;
/** How deep the hierarchy of classes may be. */
const DEPTH_LIMIT = 32;
export const SPLITS = ["train", "validation", "test"] as const;

/** What each policy means, in one sentence. */
export const POLICY_MEANING: Record<(typeof POLICIES)[number], string> = {
  "iou-greedy": "Pairs of any class, best overlap first, IoU above the threshold (Labelbox's rule).",
  coco: "Per class, most confident first, each takes its best free annotation (pycocotools, TorchMetrics).",
  "best-candidate": "Per class, each prediction stands for its best annotation or for none (Encord's and VOC's rule).",
};

/** The whole state of the page. It lives in the URL, so that a link is a view, and back and forward work. */
export const VIEW = {
  d: parseAsString,
  a: parseAsString,
  b: parseAsString,
  /** Runs that stand beside these two in the headline and the curves. */
  also: parseAsArrayOf(parseAsString, "|").withDefault([]),
  p: parseAsStringLiteral(POLICIES).withDefault("iou-greedy"),
  c: parseAsNumber(0, 1).withDefault(0.5),
  t: parseAsNumber(0, 1).withDefault(0.5),
  split: parseAsArrayOf(parseAsStringLiteral(SPLITS)).withDefault([]),
  f: parseAsArrayOf(parseAsString, "|").withDefault([]),
  m: parseAsArrayOf(
    parseAsCondition(() => true, "words"),
    "|",
  ).withDefault([]),
  roll: parseAsWhole(1, DEPTH_LIMIT),
  /** Whether annotated rows without a prediction count, as if the run was closed. */
  missing: parseAsStringLiteral(["count"] as const),
  slice: parseAsString,
  /** What the headline is of, where it is not what comes first. */
  kind: parseAsStringLiteral(KINDS),
  unit: parseAsStringLiteral(UNITS).withDefault("count"),
  order: parseAsStringLiteral(ORDERS).withDefault("errors"),
  find: parseAsString.withDefault(""),
  shade: parseAsStringLiteral(["log", "linear"] as const).withDefault("log"),
  minus: parseAsStringLiteral(["1"] as const),
  most: parseAsWhole(1, AT_MOST).withDefault(MOST),
  curve: parseAsStringLiteral(CURVES).withDefault("pr"),
  /** Whether the PR curve is shown as large as it can be, instead of the whole plane. */
  zoom: parseAsStringLiteral(["1"] as const),
  lines: parseAsArrayOf(parseAsString, "|").withDefault([]),
  question: parseAsString,
  actual: parseAsString,
  predicted: parseAsString,
  sort: parseAsText((text) => text === "data_row" || isRowMetric(text)).withDefault("data_row"),
  desc: parseAsStringLiteral(["1"] as const),
  row: parseAsString,
  ...LOWER,
  ...COMPARED,
};

type Values = inferParserType<typeof VIEW>;
type Change = { [K in keyof Values]?: Values[K] | null };

export type View = Values;
/** Change part of the view. Each change is a step that the browser's back button takes back, unless it replaces. */
export type SetView = (change: Change, options?: { history: "push" | "replace" }) => void;

export function useView(): [View, SetView] {
  const [view, set] = useQueryStates(VIEW, { history: "push", clearOnDefault: true });
  useEffect(() => {
    const meant = correction(new URLSearchParams(location.search));
    if (Object.keys(meant).length > 0) void set(meant, { history: "replace" });
  }, [set]);
  const setView = useCallback<SetView>((change, options) => void set(change, options), [set]);
  return [view, setView];
}

/** What is to be changed in an address for it to say what the page shows: a confidence of 7, for instance, is 1. */
export function correction(said: URLSearchParams): Change {
  const meant = Object.entries(VIEW).flatMap(([name, parser]) => {
    const text = said.get(name);
    const value = text === null ? null : parser.parse(text);
    const written = value === null ? null : (parser.serialize as (value: unknown) => string)(value);
    return written === text ? [] : [[name, value]];
  });
  return Object.fromEntries(meant) as Change;
}

/** The part of the view that every question is asked with. */
export function filterOf(view: Pick<View, "p" | "c" | "t" | "split" | "f" | "m" | "roll" | "missing">) {
  return {
    policy: view.p,
    confidence: view.c,
    iou: view.t,
    split: view.split,
    feature: view.f,
    metadata: view.m,
    ...(view.roll === null ? {} : { roll_up: view.roll }),
    ...(view.missing === null ? {} : { missing_rows: view.missing }),
  };
}

/**
 * Average precision is of all detections: of some it would fall with the threshold, and compare with nothing. Nor does
 * it depend on the IoU threshold, for it has thresholds of its own: at no step of a slider is it asked anew.
 */
export const ALL_DETECTIONS = { confidence: 0, iou: 0.5 };

export function ofAllDetections(filter: ReturnType<typeof filterOf>) {
  return { ...filter, ...ALL_DETECTIONS };
}

/** What curves are asked with: from confidence 0 up, for the threshold is a dot on them and no reason to cut them short. */
export function curveOf<Filter extends object>(filter: Filter) {
  return { ...filter, confidence: 0, max_points: 500 };
}
