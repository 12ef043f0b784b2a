import { parseLabel } from "./classLabel";
import type { Row, RowObject } from "../api/schema";
import { short } from "./format";
import { outlineOf } from "./rle";

/** x, y, width, height. */
export type Box = [number, number, number, number];

/** What has a place on a picture. */
const DRAWN_TYPES = ["bbox", "rotated_box", "polygon", "mask", "polyline", "point", "keypoints"] as const;
/** What has a place at all. */
export const OBJECT_TYPES = [...DRAWN_TYPES, "span" as const];
/** What answers a question. */
export const ANSWER_TYPES = ["radio" as const, "checklist" as const, "text" as const, "number" as const];

const DRAWN = new Set<string>(DRAWN_TYPES);
/** A checklist is a question, with an answer for each of its options. */
const ANSWERS = new Set<string>([...ANSWER_TYPES, "question"]);

export const isDrawn = (object: RowObject) => DRAWN.has(object.type);
export const isAnswer = (object: RowObject) => ANSWERS.has(object.type);
export const isSpan = (object: RowObject) => object.type === "span";

/** An answer in words; of a number, text or choice. */
export function answerOf(object: RowObject): string {
  if (object.type === "text") return object.detail;
  if (object.type === "number") return short(object.geometry[0] ?? 0);
  return parseLabel(object.label).answer || "none of them";
}

/** The rings of a polygon as an SVG path: its detail says how many points each ring of each piece has. */
export function ringsOf(object: RowObject): string {
  let at = 0;
  return (JSON.parse(object.detail) as number[][])
    .flat()
    .map((points) => {
      const ring = object.geometry.slice(at, at + 2 * points);
      at += 2 * points;
      return `M${ring.join(" ")}Z`;
    })
    .join("");
}

export interface Keypoint {
  x: number;
  y: number;
  /** 0: not labelled, 1: hidden, 2: visible; a predicted one is visible. */
  seen: number;
}

export function keypointsOf(object: RowObject): Keypoint[] {
  // An annotation's numbers begin with its box; one more than a multiple of three says so.
  const boxed = object.geometry.length % 3 === 1;
  const g = boxed ? object.geometry.slice(4) : object.geometry;
  const found: Keypoint[] = [];
  for (let i = 0; i < g.length; i += 3)
    found.push({ x: g[i] ?? 0, y: g[i + 1] ?? 0, seen: boxed ? (g[i + 2] ?? 0) : 2 });
  return found;
}

/** The upright box around an object; null if it has no place. */
export function extentOf(object: RowObject): Box | null {
  const g = object.geometry;
  switch (object.type) {
    case "bbox":
      return [g[0] ?? 0, g[1] ?? 0, g[2] ?? 0, g[3] ?? 0];
    case "rotated_box": {
      const [x = 0, y = 0, width = 0, height = 0, degrees = 0] = g;
      const [cos, sin] = [Math.abs(Math.cos((degrees * Math.PI) / 180)), Math.abs(Math.sin((degrees * Math.PI) / 180))];
      const [w, h] = [width * cos + height * sin, width * sin + height * cos];
      return [x - w / 2, y - h / 2, w, h];
    }
    case "mask":
      return outlineOf(object.detail).box;
    case "keypoints":
      return aroundPoints(
        keypointsOf(object)
          .filter((one) => one.seen > 0)
          .flatMap(({ x, y }) => [x, y]),
      );
    case "polygon":
    case "polyline":
    case "point":
      return aroundPoints(g);
    default:
      return null;
  }
}

function aroundPoints(flat: number[]): Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    left = Math.min(left, flat[i] ?? left);
    right = Math.max(right, flat[i] ?? right);
    top = Math.min(top, flat[i + 1] ?? top);
    bottom = Math.max(bottom, flat[i + 1] ?? bottom);
  }
  return left > right ? null : [left, top, right - left, bottom - top];
}

/** The box around objects, with a margin on each side: a share of its longer side. */
export function around(objects: RowObject[], margin: number): Box | null {
  const boxes = objects.map(extentOf).filter((box) => box !== null);
  const whole = aroundPoints(boxes.flatMap(([x, y, w, h]) => [x, y, x + w, y + h]));
  if (!whole) return null;
  const [x, y, w, h] = whole;
  // A point has no size of its own; what is near it is looked at too.
  const wide = (Math.max(w, h) || 1) * margin;
  return [x - wide, y - wide, w + 2 * wide, h + 2 * wide];
}

/** The whole picture; where nobody said how large it is, as much as its objects need. */
export function frameOf(row: Row): Box {
  if (row.width > 0 && row.height > 0 && !isUpsideDown(row)) return [0, 0, row.width, row.height];
  return around([...row.annotations, ...row.predictions], 0.08) ?? [0, 0, 320, 240];
}

/** Latitudes grow upwards, the lines of a picture downwards. */
export function isUpsideDown(row: Row): boolean {
  return row.coordinates === "lonlat";
}

/** Cut a box to the shape of the place where it is shown, so that what is around it fills the rest. */
export function filling([x, y, w, h]: Box, aspect: number): Box {
  const [wide, high] = w / h > aspect ? [w, w / aspect] : [h * aspect, h];
  return [x - (wide - w) / 2, y - (high - h) / 2, wide, high];
}

/** Move a box so that it leaves its frame no further than it must. */
export function within([x, y, w, h]: Box, [left, top, width, height]: Box): Box {
  const inside = (at: number, length: number, from: number, whole: number) =>
    length >= whole ? from + (whole - length) / 2 : Math.min(Math.max(at, from), from + whole - length);
  return [inside(x, w, left, width), inside(y, h, top, height), w, h];
}
