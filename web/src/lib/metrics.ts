import type { CustomMetrics, Measures } from "../api/schema";
import { isolated } from "./bidi";
import { short } from "./format";
import type { Headline } from "./kinds";

/** Metrics of a data row that every run has. */
export const ROW_METRICS: Record<string, string> = {
  f1: "F1",
  precision: "precision",
  recall: "recall",
  mean_iou: "mean IoU",
  tp: "true positives",
  fp: "false positives",
  fn: "false negatives",
  annotations: "annotations",
  predictions: "predictions",
};

/** Whether data rows can have such a metric: one that every run has, or one that was measured or sent. */
export function isRowMetric(name: string): boolean {
  return Object.hasOwn(ROW_METRICS, name) || (/^(measure|custom(_\w+)?)\../.test(name) && !isOfObjects(name));
}

/** A metric that can be chosen. */
export interface Metric {
  name: string;
  title: string;
  group: string;
}

/** Metrics of data rows that a run has besides: what was measured of pairs, and what producers sent. */
export function namedMetrics(measures: Measures | undefined, custom: CustomMetrics | undefined): Metric[] {
  const sent = [...new Set((custom?.metrics ?? []).map((one) => one.name))];
  return [
    ...(measures?.measures ?? []).map(({ name }) => ({
      name: `measure.${name}`,
      title: isolated(name.replaceAll("_", " ")),
      group: "Measured of matched pairs",
    })),
    ...sent.map((name) => ({ name: `custom.${name}`, title: isolated(name), group: "Custom metrics" })),
  ];
}

/** Whether a metric, or a condition on one, is about single objects; else it is about their data rows. */
export function isOfObjects(text: string): boolean {
  return /^(iou|confidence)(?![\w.])|^custom_object\./.test(text);
}

/** The metric that a histogram begins with: answers to questions overlap with nothing. */
export function usualMetric(headline: Headline | undefined): string {
  return headline?.kinds.length === 1 && headline.kind === "answers" ? "confidence" : "iou";
}

/** A metric in words, whatever its kind. */
export function titleOf(name: string): string {
  if (name === "iou") return "IoU of matched pairs";
  if (name === "confidence") return "confidence of predictions";
  const own = ROW_METRICS[name];
  if (own) return own;
  const words = isolated(name.slice(name.indexOf(".") + 1).replaceAll("_", " "));
  return isOfObjects(name) ? `${words} of predictions` : words;
}

/** Conditions on metrics, brought together by metric: `f1 0.2 to 0.4`. */
export function rangesOf(conditions: string[]): { metric: string; words: string; parts: string[] }[] {
  const found = new Map<string, string[]>();
  for (const text of conditions) {
    const metric = /^[^=!<>]+/.exec(text)?.[0] ?? text;
    found.set(metric, [...(found.get(metric) ?? []), text]);
  }
  return [...found].map(([metric, parts]) => ({
    metric,
    parts,
    words: `${titleOf(metric)} ${parts.map((text) => spelled(text.slice(metric.length))).join(", ")}`,
  }));
}

const SIGNS: Record<string, string> = { ">=": "≥", "<=": "≤", "!=": "≠" };

function spelled(condition: string): string {
  const sign = /^[=!<>]+/.exec(condition)?.[0] ?? "";
  return `${SIGNS[sign] ?? sign} ${short(Number(condition.slice(sign.length)))}`;
}
