import { useState } from "react";
import { type Subject, useClassSearch } from "../api/questions";
import { count } from "../lib/format";
import { useSettled } from "../lib/useSettled";
import { Complete } from "./Complete";

interface Props {
  subject: Subject | null;
  chosen: string[];
  choose: (name: string) => void;
}

/** Finds a class among thousands and adds it; the service searches, so that they need not all be here. */
export function ClassSearch({ subject, chosen, choose }: Props) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const found = useClassSearch(subject, useSettled(text.trim(), 120), open);
  // An answer is part of its question: the question is what can be asked for.
  const fitting = (found.data?.classes ?? []).filter((one) => !one.name.includes("=") && !chosen.includes(one.name));
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
        detail: count(one.annotations_with_kinds),
      }))}
      choose={(name) => {
        choose(name);
        setText("");
      }}
      submit={() => {
        const [only, another] = fitting;
        const exact = fitting.find((one) => one.name === text.trim()) ?? (another ? undefined : only);
        if (exact) {
          choose(exact.name);
          setText("");
        }
      }}
      note={
        found.isError
          ? found.error.message
          : found.data && fitting.length === 0
            ? "No other class has such a name."
            : more > 0
              ? `and ${count(more)} more: type part of the name`
              : undefined
      }
    />
  );
}
