import { useState } from "react";
import { type Subject, useQuestion } from "../../api/ask";
import { useClassSearch } from "../../api/datasets";
import { featureOf, isAnswerLabel } from "../../lib/classLabel";
import { count } from "../../lib/format";
import { useDebounced } from "../../lib/useDebounced";
import { Complete } from "../shared/Complete";

/** At most so many labels have the classes that are offered; a question has one for each of its answers. */
const LABELS = 1_000;

interface Props {
  subject: Subject | null;
  chosen: string[];
  choose: (name: string) => void;
}

/** Finds a class among thousands and adds it; the service searches, so that they need not all be here. */
export function ClassSearch({ subject, chosen, choose }: Props) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const found = useClassSearch(open ? subject : null, useDebounced(text.trim(), 120));
  // An answer is part of its question: the question is what can be asked for.
  const named = (found.data?.classes ?? [])
    .filter((one) => !isAnswerLabel(one.name))
    .map((one) => ({ ...one, label: one.name, name: featureOf(one.name) }))
    .filter((one) => !chosen.includes(one.name));
  // Texts and numbers have names too, but no class in the matrix and nothing to count.
  const counted = useQuestion("classes", named.length > 0 ? subject : null, {
    confidence: 0,
    feature: named.map((one) => one.name),
    limit: LABELS,
  });
  const labels = new Set(counted.data?.classes.map((one) => one.label));
  const questions = new Set(
    counted.data?.classes
      .map((one) => one.label)
      .filter(isAnswerLabel)
      .map(featureOf),
  );
  const fitting = named.filter(
    (one) => labels.has(one.label) || questions.has(one.name) || one.annotations_with_kinds > one.annotations,
  );
  const take = (name: string) => {
    choose(name);
    setText("");
  };
  const more = (found.data?.total ?? 0) - (found.data?.classes.length ?? 0);
  return (
    <Complete
      label="Show only a class"
      placeholder="Add a class"
      text={text}
      setText={setText}
      onOpen={setOpen}
      suggestions={fitting.map((one) => ({
        value: one.name,
        text: one.name,
        detail: `${questions.has(one.name) ? "question · " : ""}${count(one.annotations_with_kinds)}`,
      }))}
      choose={({ value }) => take(value)}
      submit={() => {
        const [only, another] = fitting;
        const exact = fitting.find((one) => one.name === text.trim()) ?? (another ? undefined : only);
        if (exact) take(exact.name);
        return exact !== undefined;
      }}
      note={
        found.isError
          ? found.error.message
          : found.data && !counted.isPlaceholderData && !counted.isFetching && fitting.length === 0
            ? "No other class has such a name."
            : more > 0
              ? `and ${count(more)} more: type part of the name`
              : undefined
      }
    />
  );
}
