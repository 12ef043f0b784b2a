import type { RowObject } from "../api/schema";
import { isolated } from "./bidi";
import type { Pair } from "./cases";
import { ratio } from "./format";
import { CAUSE_MEANINGS } from "./outcome";

/** A threshold in words, cut and not rounded: what is said to hold up to it does hold there. */
export function cut(threshold: number): string {
  return String(Math.floor(threshold * 1e4) / 1e4);
}

/** A threshold up to which something holds; where it is the object's own figure, that is said, and reads as elsewhere. */
function upTo(name: string, threshold: number, own: number | null | undefined): string {
  // Where a rule asks for more than the threshold, it is stored as the next smaller number.
  if (typeof own === "number" && Math.abs(own - threshold) < 1e-12) return `up to its own ${name}, ${ratio(own)}`;
  return `up to ${name} ${cut(threshold)}`;
}

/** Why an object came out as it did, and at which thresholds it would not: one sentence each. */
export function explained({ annotation, prediction }: Pair): string[] {
  const own = prediction ?? annotation;
  if (!own) return [];
  const said: string[] = [];
  if (own.outcome === "ignored") said.push("To this policy it is neither correct nor incorrect.");
  const cause = prediction?.cause ?? annotation?.cause;
  if (cause) said.push(`${capital(cause)}: ${CAUSE_MEANINGS[cause]}.`);
  if (annotation && prediction) return [...said, ...flips(annotation, prediction)];
  if (prediction?.outcome === "fp") {
    said.push("At these thresholds no annotation is matched to it.");
    if (typeof prediction.confidence === "number")
      said.push(
        `A false positive ${upTo("confidence", prediction.confidence, prediction.confidence)}; above, it does not count.`,
      );
  }
  if (annotation?.outcome === "fn") said.push("At these thresholds no prediction is matched to it.");
  return said;
}

function flips(annotation: RowObject, prediction: RowObject): string[] {
  const right = prediction.outcome === "tp";
  const state = right
    ? "Correct"
    : prediction.outcome === "ignored"
      ? "Ignored"
      : `Taken for ${isolated(prediction.label)}`;
  const apart = right ? "a false positive and a missed one" : "a false alarm and a missed one";
  const said: string[] = [];
  const [iouLow, iouHigh] = prediction.matched_iou ?? [null, null];
  const [low, high] = prediction.matched_confidence ?? [null, null];
  if (prediction.iou === null || prediction.iou === undefined) said.push("No IoU threshold applies to it.");
  else if (iouHigh === null) said.push(`${state} at every IoU threshold up to 1.`);
  else said.push(`${state} ${upTo("IoU", iouHigh, prediction.iou)}; above, ${apart}.`);
  if (iouLow !== null) said.push(`At IoU ${cut(iouLow)} and below, it is matched otherwise.`);
  if (high !== null)
    said.push(
      `${state} ${upTo("confidence", high, prediction.confidence)}; above, ${isolated(annotation.label)} is missed.`,
    );
  if (low !== null) said.push(`At confidence ${cut(low)} and below, another prediction comes between.`);
  return said;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
