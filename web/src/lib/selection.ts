import { nameOfLabel } from "./classLabel";
import { filterOf, type View } from "../state/view";
import { isolated } from "./bidi";
import type { FileOf } from "./files";
import { isOfObjects, rangesOf } from "./metrics";
import { CASE_OUTCOMES, COUNTED_WORDS } from "./outcome";

/** A cell of the confusion matrix: what was there, and what it was taken for. */
export function cellOf({ actual, predicted }: Pick<View, "actual" | "predicted">): string | null {
  if (actual === null && predicted === null) return null;
  return `${actual === "" ? "false alarm" : actual === null ? "anything" : isolated(nameOfLabel(actual))} → ${predicted === "" ? "missed" : predicted === null ? "anything" : isolated(nameOfLabel(predicted))}`;
}

/** Which data rows the gallery shows, of those that pass the filters. */
export function chosenRows(view: View) {
  return {
    where: view.w.filter((text) => !isOfObjects(text)),
    of_feature: view.f.length > 0,
    cause: view.cause,
    actual: view.actual,
    predicted: view.predicted,
  };
}

/** What the service is told of a view that it writes a file of. */
export function saidOf(view: View, what: FileOf) {
  const filter = filterOf(view);
  if (what === "export") return { ...filter, ...chosenRows(view) };
  if (what === "report") return { ...filter, versus: view.b };
  // Whole data rows go to labellers.
  return { ...filter, feature: [], roll_up: null };
}

/** What was chosen in a chart or table to be looked at in the gallery, in words. */
export function chosenOf(view: View): string[] {
  const cell = cellOf(view);
  return [
    ...(cell === null ? [] : [cell]),
    ...(view.counted ? [countedOf(view.counted, view.alone)] : []),
    ...(view.outcome ? [CASE_OUTCOMES[view.outcome].words] : []),
    ...(view.cause ? [`cause: ${view.cause}`] : []),
    ...view.f.map((name) => `class ${isolated(name)}`),
    ...rangesOf(view.w).map(({ words }) => words),
  ];
}

/** What was chosen in the headline, in words. */
export function countedOf(counted: NonNullable<View["counted"]>, alone: View["alone"]): string {
  return alone ? `${COUNTED_WORDS[counted]} of one run alone` : COUNTED_WORDS[counted];
}

/** An order of objects: by confidence the surest come first, for there is most to learn; all else begins at its beginning. */
export function orderedBy(osort: View["osort"]) {
  return { osort, desc: osort === "confidence" ? ("1" as const) : null };
}

/** All of a row or of a column of the confusion matrix; chosen once more, everything again. */
export function ofSum(view: Pick<View, "actual" | "predicted">, side: "actual" | "predicted", label: string) {
  const [own, other] = side === "actual" ? [view.actual, view.predicted] : [view.predicted, view.actual];
  const isChosen = own === label && other === null;
  const none = { actual: null, predicted: null, whose: null, row: null };
  return { isChosen, change: isChosen ? none : { ...none, [side]: label } };
}

/** Nothing chosen that leads to objects; the filters of the page stay. */
export const NO_OBJECTS = {
  actual: null,
  predicted: null,
  whose: null,
  outcome: null,
  cause: null,
  counted: null,
  alone: null,
  w: null,
  show: null,
};

/** As if nothing had been chosen. */
export const NONE_CHOSEN = { ...NO_OBJECTS, f: null };

/** All objects that a figure of the headline counts, and no others; chosen once more, everything again. */
export function ofFigure({ counted, alone }: Pick<View, "counted" | "alone">, figure: NonNullable<View["counted"]>) {
  const isChosen = counted === figure && alone === null;
  return { isChosen, change: { ...NO_OBJECTS, row: null, counted: isChosen ? null : figure } };
}

/** The false positives that only one of two runs makes: the first one's, or the other's. */
export function ofFalsePositivesAlone(whose: View["whose"]) {
  return { ...NO_OBJECTS, row: null, counted: "fp" as const, alone: "1" as const, whose };
}
