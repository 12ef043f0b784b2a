import { parseLabel, nameOfLabel } from "./classLabel";
import type { ComparedClass, Flip, Said } from "../api/schema";
import type { Kind } from "../state/comparison";
import { isolated } from "./bidi";
import { count } from "./format";

/** Two runs over the same objects, whatever these are. */
export type Compared = Omit<ComparedClass, "label">;

/** What is as rare as this by chance, or rarer, is taken to be none. */
const RARE = 0.05;

/** How likely a difference is by chance, in words. */
export function chance(p: number): string {
  const value = p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
  return p < RARE ? `Unlikely by chance (${value}).` : `This may well be chance (${value}).`;
}

export function rowsOfBoth(rows: number): string {
  return rows === 1 ? "the one data row of both" : `the ${count(rows)} data rows of both`;
}

/** Why there is no difference between two runs. */
export function noneShared(a: string, b: string): string {
  return `${isolated(a)} and ${isolated(b)} have no data row in common here: there is no difference to tell.`;
}

/** What differences between two runs are of, in words; or why there are none. */
export function basisOf(a: string, b: string, { rows, leftOut }: { rows: number; leftOut: number }): string {
  if (rows === 0) return noneShared(a, b);
  const left =
    leftOut > 0 ? ` ${count(leftOut)} of ${isolated(a)} alone ${leftOut === 1 ? "is" : "are"} left out of them.` : "";
  return `Differences to ${isolated(b)} are over ${rowsOfBoth(rows)}.${left}`;
}

/** What each of the four cells holds, of two runs by their names. */
export function cellNames(a: string, b: string): Record<Kind, string> {
  return {
    both: "Both correct",
    only_a: `Only ${isolated(a)} correct`,
    only_b: `Only ${isolated(b)} correct`,
    neither: "Neither correct",
  };
}

export function totalOf({ right }: Pick<Compared, "right">): number {
  return right.both + right.only_a + right.only_b + right.neither;
}

/** What one run makes of an annotation, in words; of an answer to a question, the other answer. */
export function verdictOf({ verdict, annotation, prediction }: Said): string {
  if (verdict === "right") return "correct";
  if (verdict !== "wrong" || !prediction) return verdict;
  const { feature, answer } = parseLabel(prediction.label);
  return `said ${isolated(answer !== null && feature === annotation.feature ? answer : nameOfLabel(prediction.label))}`;
}

/** The key of an annotation among all of both runs. */
export const keyOfFlip = ({ data_row, a }: Flip) => `${data_row} ${a.annotation.id} ${a.annotation.label}`;
