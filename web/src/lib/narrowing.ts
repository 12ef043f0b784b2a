import type { SetView, View } from "../state/view";
import { isOfObjects } from "./metrics";

/** So many digits of an edge are meant; those behind are what adding up leaves. */
const DIGITS = 10;

/** Edges that can be read; the outermost ones still leave nobody out. */
export function rounded(edges: number[]): number[] {
  return edges.map((edge, i) => {
    const round = Number(edge.toPrecision(DIGITS));
    if ((i === 0 && round > edge) || (i === edges.length - 1 && round < edge)) return edge;
    return round;
  });
}

/** What has to change in the view so that only what has the metric in a range stays. */
export function narrowed(
  view: View,
  metric: string,
  low: number,
  high: number,
  upTo: "<" | "<=",
): Parameters<SetView>[0] {
  const range = (name: string) => [`${name}>=${low}`, `${name}${upTo}${high}`];
  if (metric.startsWith("metadata.")) {
    const key = metric.slice("metadata.".length);
    return { m: [...others(view.m, key), ...range(key)] };
  }
  const w = [...others(view.w, metric), ...range(metric)];
  // A range of what objects have of their own is to be seen on objects.
  return isOfObjects(metric) ? { w, show: null, row: null } : { w, row: null };
}

const others = (conditions: string[], name: string) =>
  conditions.filter((text) => !(text.startsWith(name) && /^[<>]/.test(text.slice(name.length))));
