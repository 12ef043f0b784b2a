import { filterOf, type View } from "../state/view";
import { type AnswerOf, type Question, type Subject, useQuestion } from "./ask";

type Filtered = ReturnType<typeof filterOf> & { shared_with?: string };

/** Two runs over the data rows that both have results of: what every difference between them is of. */
export interface Shared {
  /** How many rows that are. */
  rows: number;
  /** How many rows of this run the other one does not have. */
  leftOut: number;
  /** What each run is asked with. */
  own: Filtered;
  theirs: Filtered;
}

/** Which rows two runs share; undefined: there is no second run, or it is not known yet. */
export function useShared(subject: Subject | null, versus: Subject | null, view: View): Shared | undefined {
  const filter = filterOf(view);
  const asked = { ...filter, ...(subject && { shared_with: subject.run }) };
  const whole = useQuestion("overview", versus && subject, filter).data?.summary.rows;
  const rows = useQuestion("overview", versus, asked).data?.summary.rows;
  if (!versus || whole === undefined || rows === undefined) return undefined;
  // Where that is all of this run's rows, its own figures are those of the shared ones: nothing is asked twice.
  const own = rows === whole ? filter : { ...filter, shared_with: versus.run };
  return { rows, leftOut: whole - rows, own, theirs: asked };
}

/** Ask both runs over the rows that they share; `more` is what the question is asked with besides. */
export function useBoth<Q extends Question>(
  question: Q,
  subject: Subject | null,
  versus: Subject | null,
  shared: Shared | undefined,
  more: object = {},
): [AnswerOf<Q> | undefined, AnswerOf<Q> | undefined, stale: boolean] {
  const asked = (one: Filtered | undefined) => ({ ...one, ...more }) as Parameters<typeof useQuestion<Q>>[2];
  const own = useQuestion(question, shared ? subject : null, asked(shared?.own));
  const theirs = useQuestion(question, shared ? versus : null, asked(shared?.theirs));
  if (!shared) return [undefined, undefined, false];
  return [own.data, theirs.data, own.isPlaceholderData || theirs.isPlaceholderData];
}
