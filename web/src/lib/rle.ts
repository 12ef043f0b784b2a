/** A mask as COCO's compressed run lengths. */
export interface Rle {
  size: [number, number];
  counts: string;
}

/** A mask as the path around it, and the box that it fills: x, y, width, height. */
export interface Outline {
  path: string;
  box: [number, number, number, number];
}

/** The run lengths of a compressed text: 5 bits a character, every third and later run as the difference to the one two before. */
export function runLengths(counts: string): number[] {
  const runs: number[] = [];
  let at = 0;
  while (at < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const bits = counts.charCodeAt(at++) - 48;
      value |= (bits & 31) << shift;
      more = (bits & 32) !== 0;
      shift += 5;
      if (!more && bits & 16) value |= -1 << shift;
    }
    runs.push(runs.length > 2 ? value + (runs[runs.length - 2] ?? 0) : value);
  }
  return runs;
}

const MOST_KEPT = 2_000;
const known = new Map<string, Outline>();

/** The outline of a mask, worked out once: the same mask comes back with every threshold that is tried. */
export function outlineOf(detail: string): Outline {
  let found = known.get(detail);
  if (!found) {
    found = traced(JSON.parse(detail) as Rle);
    if (known.size >= MOST_KEPT) known.delete(known.keys().next().value ?? "");
    known.set(detail, found);
  }
  return found;
}

/** Walk around a mask. Its size is that of its border: no pixel is looked at. */
export function traced({ size: [height], counts }: Rle): Outline {
  const columns = columnsOf(runLengths(counts), height);
  const xs = [...columns.keys()].sort((a, b) => a - b);
  // Each piece of the border leads from one corner to the next, with the mask on its right.
  const leads = new Map<number, number[]>();
  const side = height + 1;
  const lead = (x0: number, y0: number, x1: number, y1: number) => {
    const from = x0 * side + y0;
    const to = leads.get(from);
    if (to) to.push(x1 * side + y1);
    else leads.set(from, [x1 * side + y1]);
  };
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const x of xs) {
    const own = columns.get(x) ?? [];
    for (let i = 0; i < own.length; i += 2) {
      const [top = 0, bottom = 0] = [own[i], own[i + 1]];
      lead(x, top, x + 1, top);
      lead(x + 1, bottom, x, bottom);
      box.top = Math.min(box.top, top);
      box.bottom = Math.max(box.bottom, bottom);
    }
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x + 1);
    between(columns.get(x - 1) ?? [], own, x, lead);
    if (!columns.has(x + 1)) between(own, [], x + 1, lead);
  }
  const path = joined(leads, side);
  return { path, box: path ? [box.left, box.top, box.right - box.left, box.bottom - box.top] : [0, 0, 0, 0] };
}

/** By column, where the mask begins and ends: begin, end, begin, end … */
function columnsOf(runs: number[], height: number): Map<number, number[]> {
  const columns = new Map<number, number[]>();
  let at = 0;
  runs.forEach((run, i) => {
    const end = at + run;
    if (i % 2 === 1) {
      // A run may go on at the top of the next columns.
      for (let from = at; from < end;) {
        const x = Math.floor(from / height);
        const to = Math.min(end, (x + 1) * height);
        const own = columns.get(x) ?? [];
        own.push(from - x * height, to - x * height);
        columns.set(x, own);
        from = to;
      }
    }
    at = end;
  });
  return columns;
}

/** The upright pieces of the border at x: where only one of its two sides is in the mask. */
function between(
  left: number[],
  right: number[],
  x: number,
  lead: (x0: number, y0: number, x1: number, y1: number) => void,
) {
  const cuts = [...new Set([...left, ...right])].sort((a, b) => a - b);
  const within = (ends: number[], y: number) => {
    let inside = false;
    for (const end of ends) {
      if (end > y) break;
      inside = !inside;
    }
    return inside;
  };
  for (let i = 0; i + 1 < cuts.length; i++) {
    const [top = 0, bottom = 0] = [cuts[i], cuts[i + 1]];
    const [inLeft, inRight] = [within(left, top), within(right, top)];
    if (inLeft && !inRight) lead(x, top, x, bottom);
    if (inRight && !inLeft) lead(x, bottom, x, top);
  }
}

/** Join the pieces to closed rings, and write them as an SVG path with as few steps as there are corners. */
function joined(leads: Map<number, number[]>, side: number): string {
  let path = "";
  for (const [start, ends] of leads) {
    while (ends.length > 0) {
      const ring = [start];
      let at = ends.pop() ?? start;
      while (at !== start) {
        ring.push(at);
        at = leads.get(at)?.pop() ?? start;
      }
      const corners = ring.filter((corner, i) => {
        const before = ring[(i + ring.length - 1) % ring.length] ?? corner;
        const after = ring[(i + 1) % ring.length] ?? corner;
        return direction(before, corner, side) !== direction(corner, after, side);
      });
      path += `M${corners.map((corner) => `${Math.floor(corner / side)} ${corner % side}`).join("L")}Z`;
    }
  }
  return path;
}

function direction(from: number, to: number, side: number): "across" | "along" {
  return Math.floor(from / side) === Math.floor(to / side) ? "along" : "across";
}
