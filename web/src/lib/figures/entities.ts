import type { Entities } from "../../api/schema";
import { count, ratio, type Sheet, sheet } from "./sheet";

const MODES = {
  strict: "strict: boundaries and type",
  exact: "exact: boundaries",
  partial: "partial: any overlap is half a hit",
  type: "type: any overlap of the type",
} as const;

const COLUMNS = [
  ratio("precision", "precision"),
  ratio("recall", "recall"),
  ratio("F1", "f1"),
  count("correct", "correct"),
  count("incorrect", "incorrect"),
  count("partial", "partial"),
  count("missed", "missed"),
  count("spurious", "spurious"),
];

/** Named entities: spans of text, by how strictly they are compared. */
export function entitySheets(answer: Entities): Sheet[] {
  const modes = (Object.keys(MODES) as (keyof typeof MODES)[]).map((mode) => ({
    name: MODES[mode],
    of: answer.overall[mode],
  }));
  const classes = answer.classes.map((one) => ({ name: one.label, of: one.strict }));
  return [sheet("mode", COLUMNS, modes, "All spans"), sheet("class", COLUMNS, classes, "By class, strict")];
}
