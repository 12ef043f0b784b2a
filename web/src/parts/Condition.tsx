import { useState } from "react";
import { type Subject, useMetadataValues } from "../api/questions";
import { short } from "../lib/format";
import { Complete, type Suggestion } from "./Complete";

interface Props {
  subject: Subject | null;
  keys: string[];
  add: (text: string) => void;
}

/** A field that takes a condition on metadata, such as `noise>=0.3`, and completes keys and values. */
export function Condition({ subject, keys, add }: Props) {
  const [text, setText] = useState("");
  const [tried, setTried] = useState(false);
  const parts = /^([^=!<>]+?)\s*(=|!=|>=|<=|>|<)\s*(.*)$/.exec(text);
  const key = parts?.[1] ?? (keys.includes(text.trim()) ? text.trim() : null);
  const values = useMetadataValues(subject, key !== null && keys.includes(key) ? key : null).data;
  const problem = problemOf(parts, keys);
  const suggestions: Suggestion[] =
    key !== null && values
      ? ofValues(key, parts?.[2] ?? null, parts?.[3] ?? "", values)
      : keys
          .filter((one) => one.toLowerCase().includes(text.trim().toLowerCase()))
          .map((one) => ({ value: one, text: one }));
  const take = (condition: string) => {
    add(condition);
    setText("");
    setTried(false);
  };
  return (
    <Complete
      label="Filter rows by metadata, such as noise>=0.3"
      placeholder="Filter rows: noise>=0.3"
      text={text}
      setText={(next) => {
        setText(next);
        setTried(false);
      }}
      suggestions={suggestions}
      choose={(value) => {
        // A key, or an operator, is only the beginning.
        if (problemOf(/^([^=!<>]+?)\s*(=|!=|>=|<=|>|<)\s*(.*)$/.exec(value), keys) === null) take(value);
        else setText(value);
      }}
      submit={() => {
        if (problem === null) take(text.trim());
        else setTried(true);
      }}
      invalid={tried && text !== ""}
      note={
        tried && text !== ""
          ? (problem ?? undefined)
          : values?.range
            ? `from ${short(values.range[0] ?? 0)} to ${short(values.range[1] ?? 0)}`
            : keys.length === 0
              ? "The rows of this dataset have no metadata."
              : undefined
      }
    />
  );
}

/** Why a text is no condition yet; null: it is one. */
function problemOf(parts: RegExpExecArray | null, keys: string[]): string | null {
  if (!parts) return "Write a key, one of = != >= <= > <, and a value.";
  const [, key = "", operator = "", value = ""] = parts;
  if (!keys.includes(key)) return `No row has ${key}. There are ${keys.join(", ")}.`;
  if (value === "") return "And which value?";
  if (/[<>]/.test(operator) && !Number.isFinite(Number(value))) return `${operator} compares numbers; write = or !=.`;
  return null;
}

function ofValues(
  key: string,
  operator: string | null,
  typed: string,
  values: { range: number[] | null; words: string[] },
): Suggestion[] {
  if (values.range) {
    return operator === null ? [">=", "<=", "="].map((sign) => ({ value: key + sign, text: key + sign })) : [];
  }
  const sign = operator ?? "=";
  return values.words
    .filter((word) => word.toLowerCase().startsWith(typed.toLowerCase()) && word !== typed)
    .map((word) => ({ value: key + sign + word, text: key + sign + word }));
}
