/** The page's colour of a name, as a canvas understands it. */
export type Color = (name: string) => string;

/** The page's colours of lines and bars, by their names: of the two runs, and of parts of one, such as classes. */
export const RUNS = ["run-a", "run-b"] as const;
/** Further runs, which have a dash of their own besides: six colours alone are hard to tell apart. */
export const ALSO = [
  { color: "run-c", dash: [8, 4] },
  { color: "run-d", dash: [2, 3] },
  { color: "run-e", dash: [10, 3, 2, 3] },
  { color: "run-f", dash: [4, 2] },
] as const;
export const PARTS = ["part-1", "part-2", "part-3", "part-4", "part-5", "part-6"] as const;

/** Axes that look alike on every chart. */
export function axis(name: string, color: Color, more: object = {}): object {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: { color: color("muted"), fontSize: 12 },
    axisLabel: { color: color("muted"), fontSize: 12, hideOverlap: true },
    axisLine: { lineStyle: { color: color("line") } },
    splitLine: { lineStyle: { color: color("line") } },
    ...more,
  };
}

/** The look of what is said of the place that is pointed at. */
export function tooltip(color: Color): object {
  return {
    backgroundColor: color("raised"),
    borderColor: color("line"),
    textStyle: { color: color("ink") },
  };
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** A text as part of HTML, which is what a tooltip is made of. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);
}
