import type { ReliabilityBin } from "../api/schema";
import type { View } from "../state/view";
import { NO_OBJECTS } from "./selection";

/** The predictions of about one confidence, by what became of them. */
export interface Bar {
  low: number;
  high: number;
  tp: number;
  fp: number;
}

export const SIDES = ["tp", "fp"] as const;
/** No side is so low that it cannot be hit. */
const LEAST = 0.2;

export function barsOf(bins: ReliabilityBin[]): Bar[] {
  return bins.map(({ low, high, count, correct }) => ({ low, high, tp: correct, fp: count - correct }));
}

/** How much of the height each side has, and how much of its side one prediction: as much on both. */
export function scaleOf(bars: Bar[]): Record<(typeof SIDES)[number], { side: number; each: number }> {
  const [tp, fp] = SIDES.map((side) => Math.max(1, ...bars.map((bar) => bar[side]))) as [number, number];
  const above = Math.min(1 - LEAST, Math.max(LEAST, tp / (tp + fp)));
  const each = Math.min(above / tp, (1 - above) / fp);
  return { tp: { side: above, each: each / above }, fp: { side: 1 - above, each: each / (1 - above) } };
}

/**
 * Exactly the predictions of a bar, and no others; chosen once more, everything again. Bars are of all predictions, so
 * that those below the threshold are let in. Under `iou-greedy` all are: there a prediction may lose its annotation to one
 * that the threshold leaves out.
 */
export function ofBar(
  view: Pick<View, "c" | "p" | "counted" | "w">,
  { low, high }: Bar,
  isFirst: boolean,
  side: (typeof SIDES)[number],
) {
  const w = [`confidence${isFirst ? ">=" : ">"}${low}`, `confidence<=${high}`];
  const c = view.p !== "iou-greedy" && low >= view.c ? view.c : 0;
  const isChosen = view.counted === side && view.c === c && JSON.stringify(view.w) === JSON.stringify(w);
  return { isChosen, change: { ...NO_OBJECTS, row: null, ...(isChosen ? {} : { c, counted: side, w }) } };
}
