import { type Basis, basisFor, type Filtered, ofRows, type Shared } from "../lib/basis";
import { filterOf, type View } from "../state/view";
import { type AnswerOf, type Question, type Subject, useQuestion } from "./ask";

/** Which rows two runs share; undefined: there is no second run, or it is not known yet. */
export function useShared(subject: Subject | null, versus: Subject | null, view: View): Shared | undefined {
  const filter = filterOf(view);
  const asked = { ...filter, ...(subject && { shared_with: subject.run }) };
  const basis = ofRows(filter);
  const whole = useQuestion("overview", versus && subject, basis).data?.summary.rows;
  const shared_with = subject?.run ?? null;
  const rows = useQuestion("overview", subject && versus, { ...basis, shared_with }).data?.summary.rows;
  if (!versus || whole === undefined || rows === undefined) return undefined;
  // Where that is all of this run's rows, its own figures are those of the shared ones: nothing is asked twice.
  const own = rows === whole ? filter : { ...filter, shared_with: versus.run };
  return { rows, leftOut: whole - rows, own, theirs: asked };
}

/** What a chart is asked with; undefined: it is not known yet. */
export function useBasis(subject: Subject | null, versus: Subject | null, view: View): Basis | undefined {
  const shared = useShared(subject, versus, view);
  return basisFor(filterOf(view), versus !== null, shared);
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
