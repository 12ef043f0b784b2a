import type { Overview, Summary } from "../api/schema";
import { ANSWER_TYPES, OBJECT_TYPES } from "./shape";

/** What is right or wrong in ways that have nothing in common: things that are found, and questions that are answered. */
export const KINDS = ["objects", "answers"] as const;
export type Kind = (typeof KINDS)[number];

const TYPES = { objects: OBJECT_TYPES, answers: ANSWER_TYPES };
const WORDS: Record<string, string> = {
  bbox: "boxes",
  rotated_box: "rotated boxes",
  polygon: "polygons",
  mask: "masks",
  polyline: "lines",
  point: "points",
  keypoints: "keypoints",
  span: "spans",
  radio: "single choices",
  checklist: "multiple choices",
};

/** What a headline is of, where a run has objects, answers or both. */
export interface Headline {
  /** The kinds that there are; one, or none yet, needs no choice. */
  kinds: Kind[];
  kind: Kind | null;
  /** What a question is asked with so that it is of this kind alone; nothing, where there is no other. */
  ask: { type?: (typeof OBJECT_TYPES)[number][] | (typeof ANSWER_TYPES)[number][] };
  /** What is counted together in it, in words. */
  words: string;
}

/** The headline's part of an overview: where there are objects and answers, the figures of the one or the other. */
export function summaryOf(overview: Overview | undefined, headline: Headline | undefined): Summary | undefined {
  if (!overview || !headline) return undefined;
  return (headline.kind !== null && overview.kinds[headline.kind]) || overview.summary;
}

/** Objects first, unless answers were asked for: the two are never counted together. */
export function headlineOf(types: Record<string, number>, wanted: Kind | null): Headline {
  const there = (kind: Kind) => Object.keys(types).filter((type) => TYPES[kind].some((one) => one === type));
  const kinds = KINDS.filter((kind) => there(kind).length > 0);
  const kind = kinds.find((one) => one === wanted) ?? kinds[0] ?? null;
  const counted = kind === null ? [] : there(kind).map((type) => WORDS[type] ?? type);
  return {
    kinds,
    kind,
    ask: kind !== null && kinds.length > 1 ? { type: TYPES[kind] } : {},
    words: counted.join(", "),
  };
}
