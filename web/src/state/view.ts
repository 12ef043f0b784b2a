import {
  type inferParserType,
  parseAsArrayOf,
  parseAsFloat,
  parseAsInteger,
  parseAsString,
  parseAsStringLiteral,
  useQueryStates,
} from "nuqs";
import { useCallback } from "react";
import { COMPARED } from "./comparison";
import { LOWER } from "./lower";

export const POLICIES = ["iou-greedy", "coco", "best-candidate"] as const;
export const CURVES = ["pr", "f1", "roc", "calibration"] as const;
export const UNITS = ["count", "row", "column"] as const;
export const ORDERS = ["errors", "name", "count"] as const;
/** How many classes the confusion matrix shows at first. */
export const MOST = 12;
export const SPLITS = ["train", "validation", "test"] as const;

/** What each policy means, in one sentence. */
export const POLICY_MEANING: Record<(typeof POLICIES)[number], string> = {
  "iou-greedy": "Pairs of any class, best overlap first, IoU above the threshold (Labelbox's rule).",
  coco: "Per class, most confident first, each takes its best free annotation (pycocotools, TorchMetrics).",
  "best-candidate": "Per class, each prediction stands for its best annotation or for none (Encord's and VOC's rule).",
};

/** The whole state of the page. It lives in the URL, so that a link is a view, and back and forward work. */
const VIEW = {
  d: parseAsString,
  a: parseAsString,
  b: parseAsString,
  p: parseAsStringLiteral(POLICIES).withDefault("iou-greedy"),
  c: parseAsFloat.withDefault(0.5),
  t: parseAsFloat.withDefault(0.5),
  split: parseAsArrayOf(parseAsStringLiteral(SPLITS)).withDefault([]),
  f: parseAsArrayOf(parseAsString, "|").withDefault([]),
  m: parseAsArrayOf(parseAsString, "|").withDefault([]),
  roll: parseAsInteger,
  slice: parseAsString,
  unit: parseAsStringLiteral(UNITS).withDefault("count"),
  order: parseAsStringLiteral(ORDERS).withDefault("errors"),
  find: parseAsString.withDefault(""),
  shade: parseAsStringLiteral(["log", "linear"] as const).withDefault("log"),
  minus: parseAsStringLiteral(["1"] as const),
  most: parseAsInteger.withDefault(MOST),
  curve: parseAsStringLiteral(CURVES).withDefault("pr"),
  lines: parseAsArrayOf(parseAsString, "|").withDefault([]),
  question: parseAsString,
  actual: parseAsString,
  predicted: parseAsString,
  sort: parseAsString.withDefault("data_row"),
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
  const setView = useCallback<SetView>((change, options) => void set(change, options), [set]);
  return [view, setView];
}

/** The part of the view that every question is asked with. */
export function filterOf(view: View) {
  return {
    policy: view.p,
    confidence: view.c,
    iou: view.t,
    split: view.split,
    feature: view.f,
    metadata: view.m,
    ...(view.roll === null ? {} : { roll_up: view.roll }),
  };
}
