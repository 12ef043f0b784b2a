import type { Case, Row, RowObject } from "../api/schema";

export type Outcome = NonNullable<RowObject["outcome"]>;
export type Cause = NonNullable<RowObject["cause"]>;

/** What became of an object, in words, and the colour that it is drawn in. */
export const OUTCOMES: Record<Outcome, { words: string; color: string }> = {
  tp: { words: "correct", color: "right" },
  fp: { words: "wrong class or false alarm", color: "wrong" },
  fn: { words: "missed", color: "missed" },
  ignored: { words: "ignored", color: "ignored" },
};

/** What became of a case, likewise, and the outcome whose mark it bears. */
export const CASE_OUTCOMES: Record<Case["outcome"], { words: string; color: string; mark: Outcome }> = {
  right: { words: "correct", color: "right", mark: "tp" },
  wrong: { words: "wrong class", color: "wrong", mark: "fp" },
  missed: { words: "missed", color: "missed", mark: "fn" },
  false_alarm: { words: "false alarm", color: "wrong", mark: "fp" },
};

/** What a figure of the headline counts. */
export const COUNTED_WORDS = { tp: "true positives", fp: "false positives", fn: "false negatives" } as const;

/** Causes of errors: what each means, as short as it can be said. */
export const CAUSE_MEANINGS: Record<Cause, string> = {
  "wrong class": "in the right place, but taken for another class",
  "poor localisation": "the right class, but too far off",
  both: "too far off, and of another class",
  duplicate: "the object was found already",
  background: "nothing is there",
  missed: "no prediction comes near it",
};

/** What became of an object with its partner, if it has one: in the words of the cases. */
export function wordsOf(outcome: RowObject["outcome"], hasPartner: boolean): string {
  if (!outcome) return "";
  if (outcome !== "fp") return hasPartner && outcome === "fn" ? CASE_OUTCOMES.wrong.words : OUTCOMES[outcome].words;
  return hasPartner ? CASE_OUTCOMES.wrong.words : CASE_OUTCOMES.false_alarm.words;
}

/** The colour of an outcome; of what is outside the filters, none to speak of. */
export function colorOf(outcome: RowObject["outcome"]): string {
  return `var(--${outcome ? OUTCOMES[outcome].color : "ignored"})`;
}

/** The outcomes that a legend explains: that something is ignored only where something is. */
export function explainedOutcomes(rows: Pick<Row, "annotations" | "predictions">[]): Outcome[] {
  const ignored = rows.some((row) =>
    [...row.annotations, ...row.predictions].some((object) => object.outcome === "ignored"),
  );
  return ignored ? ["tp", "fp", "fn", "ignored"] : ["tp", "fp", "fn"];
}
