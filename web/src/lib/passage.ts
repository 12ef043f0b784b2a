import type { RowObject } from "../api/schema";
import { keyOf, type Side } from "./cases";

/** How many characters of an excerpt stand before and behind what it is about. */
const BEFORE = 40;
const BEHIND = 120;

interface Marked {
  side: Side;
  object: RowObject;
}

/** A part of a text over which the same spans lie. */
export interface Piece<M extends Marked> {
  start: number;
  end: number;
  words: string;
  here: M[];
}

/**
 * Cut a text where its spans begin and end; with the keys of some spans, only so much of it as is around them. An offset
 * counts code points, so the text is cut by those.
 */
export function piecesOf<M extends Marked>(
  text: string,
  marks: M[],
  excerpt?: readonly string[],
): { from: number; to: number; length: number; pieces: Piece<M>[] } {
  const characters = Array.from(text);
  const [from, to] = excerpt ? placeOf(marks, excerpt, characters.length) : [0, characters.length];
  const inside = marks.flatMap(({ object }) => object.geometry).filter((at) => at > from && at < to);
  const cuts = [...new Set([from, ...inside, to])].sort((a, b) => a - b);
  const pieces = cuts.slice(0, -1).map((start, i) => {
    const end = cuts[i + 1] ?? start;
    return {
      start,
      end,
      words: characters.slice(start, end).join(""),
      here: marks.filter(({ object }) => covers(object, start, end)),
    };
  });
  return { from, to, length: characters.length, pieces };
}

function placeOf(marks: Marked[], keys: readonly string[], length: number): [number, number] {
  const ends = marks.filter(({ side, object }) => keys.includes(keyOf(side, object))).flatMap((m) => m.object.geometry);
  if (ends.length === 0) return [0, length];
  return [Math.max(0, Math.min(...ends) - BEFORE), Math.min(length, Math.max(...ends) + BEHIND)];
}

function covers({ geometry: [from = 0, to = 0] }: RowObject, start: number, end: number): boolean {
  return from <= start && end <= to;
}
