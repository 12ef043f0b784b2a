/** What a class label says: the feature, or question; and of the class of an answer, the answer. */
export type ClassLabel = { feature: string; answer: string | null };

// The service writes `=` and `\` in the feature's own name as `\=` and `\\`.
const LABEL = /^((?:\\.|[^=\\])*)(?:=(.*))?$/s;

export function parseLabel(label: string): ClassLabel {
  const [, feature, answer] = LABEL.exec(label) ?? [];
  return { feature: feature?.replace(/\\(.)/gs, "$1") ?? label, answer: answer ?? null };
}

/** A label as it is read: a sign of its name that the service marks is that sign alone. */
export function nameOfLabel(label: string): string {
  const { feature, answer } = parseLabel(label);
  return answer === null ? feature : `${feature}=${answer}`;
}

/** The feature of a label: of an answer, its question. */
export const featureOf = (label: string) => parseLabel(label).feature;

/** Whether a label is the answer to a question, and not the class of an object. */
export const isAnswerLabel = (label: string) => parseLabel(label).answer !== null;
