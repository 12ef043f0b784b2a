import type { Calibration, Curve, QuestionRoc } from "../api/schema";

/** A point of a curve, and the confidence threshold that leads there; null: above every one. */
export interface Point {
  x: number;
  y: number;
  threshold: number | null;
}

export interface Line {
  name: string;
  /** The name of its colour. */
  color: string;
  /** How it is broken, in pixels; whole if not said. */
  dash?: readonly number[];
  points: Point[];
  /** How large each point is drawn, where they are few. */
  sizes?: number[];
}

/** Precision against recall, or F1 against confidence; by decreasing confidence. */
export function lineOf(name: string, color: string, curve: Curve, kind: "pr" | "f1"): Line {
  const points = curve.confidence.flatMap((threshold, i): Point[] => {
    const x = kind === "pr" ? curve.recall[i] : threshold;
    const y = kind === "pr" ? curve.precision[i] : curve.f1[i];
    return x === null || x === undefined || y === undefined ? [] : [{ x, y, threshold }];
  });
  return { name, color, points };
}

/** Of one option against the rest, or of all options together (null). */
export function lineOfRoc(
  name: string,
  color: string,
  question: QuestionRoc | undefined,
  option: string | null = null,
): Line {
  const curve = question?.curves.find((one) => one.option === option);
  if (!curve) return { name, color, points: [] };
  return {
    name,
    color,
    points: curve.fpr.map((x, i) => ({ x, y: curve.tpr[i] ?? 0, threshold: curve.threshold[i] ?? null })),
  };
}

/** How often predictions are correct against how sure they are; by decreasing confidence. */
export function lineOfCalibration(name: string, color: string, found: Calibration | undefined): Line {
  const held = [...(found?.bins ?? [])].filter((bin) => bin.count > 0).reverse();
  const most = Math.max(1, ...held.map((bin) => bin.count));
  return {
    name,
    color,
    points: held.map((bin) => ({ x: bin.mean_confidence ?? 0, y: bin.accuracy ?? 0, threshold: bin.mean_confidence })),
    sizes: held.map((bin) => 5 + 11 * Math.sqrt(bin.count / most)),
  };
}

/** Of a PR curve, what is drawn: it begins with the first true positive, not at precision 0 and recall 0. */
export function fromFirstFound<P extends { x: number }>(points: P[]): P[] {
  const found = points.filter((point) => point.x > 0);
  return found.length > 0 ? found : points;
}

/** Where a threshold lies on a line: at the last point that it lets in, or else at the first one. */
export function pointAt(line: Line, threshold: number): Point | undefined {
  const at = line.points.findLastIndex((point) => point.threshold === null || point.threshold >= threshold);
  return line.points[Math.max(0, at)];
}

/** Between the points on either side, for lines that are straight between them. */
export function between(line: Line, x: number): number | undefined {
  const above = line.points.findLast((point) => point.x >= x);
  const below = line.points.find((point) => point.x <= x);
  if (!above || !below) return (above ?? below)?.y;
  return above.x === below.x ? above.y : below.y + ((above.y - below.y) * (x - below.x)) / (above.x - below.x);
}

/** The threshold of the point next to a place on the screen, of a line that is drawn so wide and so high. */
export function nearest(line: Line, x: number, y: number, width: number, height: number): number | null {
  let best: number | null = null;
  let distance = Infinity;
  for (const point of line.points) {
    const own = Math.hypot((point.x - x) * width, (point.y - y) * height);
    if (point.threshold !== null && own < distance) {
      distance = own;
      best = point.threshold;
    }
  }
  return best;
}
