import { nameOfLabel } from "./classLabel";
import type { Case, Row, RowObject } from "../api/schema";
import { isolated } from "./bidi";
import { answerOf, isAnswer } from "./shape";

/** An object with the one of the other side that it is matched to. */
export interface Pair {
  annotation: RowObject | null;
  prediction: RowObject | null;
}

export type Side = keyof Pair;

/** The name of an object within its data row. */
export const keyOf = (side: Side, object: RowObject) => `${side} ${object.id}`;

/** The keys of both sides of a pair: both are pointed out together. */
export function keysOf({ annotation, prediction }: Pair): string[] {
  return [
    ...(annotation ? [keyOf("annotation", annotation)] : []),
    ...(prediction ? [keyOf("prediction", prediction)] : []),
  ];
}

/** Objects of a data row, each with its partner: first what is wrong, then what is right, then what is ignored. */
export function pairsOf(row: Row, wanted: (object: RowObject) => boolean): Pair[] {
  const annotations = row.annotations.filter(wanted);
  const byId = new Map(annotations.map((one) => [one.id, one]));
  const met = new Set<string>();
  const pairs: Pair[] = row.predictions
    .filter((one) => wanted(one) && one.outcome !== null)
    .map((prediction) => {
      const annotation = prediction.matched === null ? undefined : byId.get(prediction.matched ?? "");
      // A crowd region may have taken in many predictions, and belongs to none of them alone.
      const own = annotation && annotation.matched === prediction.id ? annotation : null;
      if (own) met.add(own.id);
      return { annotation: own, prediction };
    });
  for (const annotation of annotations) {
    if (annotation.outcome !== null && !met.has(annotation.id)) pairs.push({ annotation, prediction: null });
  }
  const rank = (pair: Pair) => ["fp", "fn", "tp", "ignored"].indexOf(outcomeOf(pair) ?? "ignored");
  return pairs.sort((a, b) => rank(a) - rank(b));
}

/** What became of a pair: that of its prediction, if there is one. */
export function outcomeOf({ annotation, prediction }: Pair): RowObject["outcome"] {
  return prediction?.outcome ?? annotation?.outcome;
}

/** What a pair is called: what it is, and what it was taken for if that is something else. */
export function nameOf({ annotation, prediction }: Pair): string {
  const own = prediction ?? annotation;
  if (own && isAnswer(own)) {
    const answers = [annotation, prediction].filter((one) => one !== null).map(answerOf);
    return `${isolated(own.feature)}: ${[...new Set(answers)].map(isolated).join(" → ")}`;
  }
  if (annotation && prediction && annotation.label !== prediction.label)
    return `${isolated(nameOfLabel(annotation.label))} → ${isolated(nameOfLabel(prediction.label))}`;
  return isolated(nameOfLabel((prediction ?? annotation)?.label ?? ""));
}

export function pairOf({ annotation, prediction }: Case): Pair {
  return { annotation: annotation ?? null, prediction: prediction ?? null };
}
