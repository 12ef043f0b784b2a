import type { ComparedClass, Flip, Said } from "../api/schema";
import type { Kind } from "../state/comparison";

/** Two runs over the same objects, whatever these are. */
export type Compared = Omit<ComparedClass, "label">;

/** What is as rare as this by chance, or rarer, is taken to be none. */
const RARE = 0.05;

/** How likely a difference is by chance, in words. */
export function chance(p: number): string {
  const value = p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
  return p < RARE ? `Unlikely by chance (${value}).` : `This may well be chance (${value}).`;
}

/** What each of the four cells holds, of two runs by their names. */
export function cellNames(a: string, b: string): Record<Kind, string> {
  return {
    both: "Both correct",
    only_a: `Only ${a} correct`,
    only_b: `Only ${b} correct`,
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
  const question = `${annotation.feature}=`;
  return `said ${prediction.label.startsWith(question) ? prediction.label.slice(question.length) : prediction.label}`;
}

/** The key of an annotation among all of both runs. */
export const keyOfFlip = ({ data_row, a }: Flip) => `${data_row} ${a.annotation.id} ${a.annotation.label}`;
