import type { Box } from "./shape";

/** A label that shall stand at a thing on a picture. */
export interface Wanted {
  key: string;
  words: string;
  /** The box around the thing. */
  place: Box;
}

export interface Placed {
  x: number;
  y: number;
  /** Whether there is room for its words beside its sign. */
  named: boolean;
}

/** Of a label, in pixels of the screen: its sign, and a line of its letters. */
const SIGN = 13;
const LINE = 16;
const FONT = 12.5;

let canvas: CanvasRenderingContext2D | null = null;

/** How long a label is, in pixels of the screen. */
function measured(words: string): number {
  canvas ??= document.createElement("canvas").getContext("2d");
  if (!canvas) return 19 + 7.4 * words.length;
  canvas.font = `600 ${FONT}px ${getComputedStyle(document.body).fontFamily}`;
  return 19 + canvas.measureText(words).width;
}

/**
 * Where labels stand so that none covers another and all are within the box that is shown, the first ones first: above
 * their things if they can, else below or within them. Where no place is free, the sign must do.
 *
 * `unit` is how much of the picture one pixel of the screen shows.
 */
export function placeLabels(wanted: Wanted[], box: Box, unit: number, lengthOf = measured): Map<string, Placed> {
  const taken: Box[] = [];
  const found = new Map<string, Placed>();
  for (const { key, words, place } of wanted) {
    if (!meet(place, box)) continue;
    const [x, y, w, h] = place;
    const [length, line] = [lengthOf(words) * unit, LINE * unit];
    const spots: [number, number][] = [
      [x, y - line],
      [x + w - length, y - line],
      [x, y + h + 2 * unit],
      [x + 2 * unit, y + 2 * unit],
      [x + w - length, y + h + 2 * unit],
    ];
    const boxes = spots.map(([left, top]): Box => [inside(left, length, box[0], box[2], unit), top, length, line]);
    const free = boxes.find((spot) => isHigh(spot, box) && !taken.some((other) => meet(spot, other)));
    const sign = SIGN * unit;
    const [left, top] = free ?? [inside(x, sign, box[0], box[2], unit), inside(y - line, sign, box[1], box[3], unit)];
    if (free) taken.push(free);
    found.set(key, { x: left, y: top, named: free !== undefined });
  }
  return found;
}

/** Move a length so that it lies between two ends, if it fits there. */
export function inside(at: number, length: number, from: number, whole: number, unit: number): number {
  return Math.max(Math.min(at, from + whole - length - 2 * unit), from + 2 * unit);
}

function isHigh([, y, , h]: Box, box: Box): boolean {
  return y >= box[1] && y + h <= box[1] + box[3];
}

function meet([x, y, w, h]: Box, [left, top, width, height]: Box): boolean {
  return x < left + width && left < x + w && y < top + height && top < y + h;
}
