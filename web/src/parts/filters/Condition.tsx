import { useState } from "react";
import { type Subject, useQuestion } from "../../api/ask";
import type { Metadata } from "../../api/schema";
import { count, short } from "../../lib/format";
import { problemOf } from "../../lib/condition";
import { useDebounced } from "../../lib/useDebounced";
import { CONDITION } from "../../state/parsers";
import { Complete, type Suggestion } from "../shared/Complete";

/** How many values are offered; to find the others, one types part of them. */
const OFFERED = 30;

interface Props {
  subject: Subject | null;
  keys: string[];
  add: (text: string) => void;
}

/** A field that takes a condition on metadata, such as `noise>=0.3`, and completes keys and values. */
export function Condition({ subject, keys, add }: Props) {
  const [text, setText] = useState("");
  const [tried, setTried] = useState(false);
  const parts = CONDITION.exec(text);
  const key = parts?.[1] ?? (keys.includes(text.trim()) ? text.trim() : null);
  const known = key !== null && keys.includes(key) ? key : null;
  const search = useDebounced(parts?.[3] ?? "", 120);
  const found = useQuestion("metadata", known === null ? null : subject, { key: known ?? "", search, limit: OFFERED });
  // While those of the next key are on their way, the last ones are still there.
  const values = found.data?.key === known ? found.data : undefined;
  const problem = problemOf(text, keys);
  const suggestions: Suggestion[] =
    key !== null && values
      ? ofValues(key, parts?.[2] ?? null, parts?.[3] ?? "", values)
      : keys
          .filter((one) => one.toLowerCase().includes(text.trim().toLowerCase()))
          .map((one) => ({ value: one, text: one, begins: true }));
  const take = (condition: string) => {
    add(condition);
    setText("");
    setTried(false);
  };
  return (
    <Complete
      label="Filter rows by metadata, such as noise>=0.3"
      placeholder="Rows: noise>=0.3"
      text={text}
      setText={(next) => {
        setText(next);
        setTried(false);
      }}
      suggestions={suggestions}
      choose={({ value, begins }) => (begins ? setText(value) : take(value))}
      submit={() => {
        if (problem === null) take(text.trim());
        else setTried(true);
        return problem === null;
      }}
      invalid={tried && text !== ""}
      note={
        tried && text !== ""
          ? (problem ?? undefined)
          : values
            ? rangeOf(values)
            : keys.length === 0
              ? "The rows of this dataset have no metadata."
              : undefined
      }
    />
  );
}

/** Numbers are compared; of words, those that contain what is typed are there to choose from. */
function ofValues(key: string, operator: string | null, typed: string, values: Metadata): Suggestion[] {
  if (areNumbers(values)) {
    if (operator !== null) return [];
    return [">=", "<=", "="].map((sign) => ({ value: key + sign, text: key + sign, begins: true }));
  }
  const sign = operator ?? "=";
  return values.values
    .filter(({ value }) => value !== typed)
    .map(({ value, rows }) => ({ value: key + sign + value, text: key + sign + value, detail: count(rows) }));
}

function areNumbers({ known, numbers }: Metadata): boolean {
  return numbers > 0 && numbers === known;
}

function rangeOf(values: Metadata): string | undefined {
  const more = values.total - values.values.length;
  if (areNumbers(values)) return `from ${short(values.minimum ?? 0)} to ${short(values.maximum ?? 0)}`;
  return more > 0 ? `and ${count(more)} more: type part of the value` : undefined;
}
