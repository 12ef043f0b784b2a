import { nameOfLabel } from "../../lib/classLabel";
import { useState } from "react";
import { useQuestion } from "../../api/ask";
import { MOST_LINES } from "../../lib/useCurves";
import { useDebounced } from "../../lib/useDebounced";
import { filterOf } from "../../state/view";
import { Complete, type Suggestion } from "../shared/Complete";
import type { PartProps } from "../shared/props";

/** Adds the curve of a class, of which there may be thousands: the service searches. */
export function LabelSearch(props: PartProps) {
  const { subject, view } = props;
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const search = useDebounced(text.trim(), 120);
  const found = useQuestion("classes", open ? subject : null, {
    ...filterOf(view),
    search,
    sort: "annotations",
    descending: true,
    limit: 30,
  });
  const options = found.data?.classes.map(({ label }) => ({ value: label, text: nameOfLabel(label) }));
  return <LineSearch what="class" {...{ text, setText, options }} onOpen={setOpen} {...props} />;
}

/** Adds the curve of an option of a question, against the rest. */
export function OptionSearch({ options, ...props }: PartProps & { options: { option: string; label: string }[] }) {
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const found = options
    .filter(({ option }) => option.toLowerCase().includes(wanted))
    .map(({ option, label }) => ({ value: label, text: option }));
  return <LineSearch what="option" {...{ text, setText }} options={found} {...props} />;
}

interface Props extends PartProps {
  what: "class" | "option";
  text: string;
  setText: (text: string) => void;
  /** What has such a name; undefined while it is not known. */
  options: Suggestion[] | undefined;
  onOpen?: (open: boolean) => void;
}

function LineSearch({ what, text, setText, options, onOpen, view, setView }: Props) {
  const full = view.lines.length >= MOST_LINES;
  const left = full ? [] : (options ?? []).filter(({ value }) => !view.lines.includes(value));
  const choose = ({ value }: Suggestion) => {
    setView({ lines: [...view.lines, value] });
    setText("");
  };
  return (
    <Complete
      label={`Add the curve of ${what === "class" ? "a class" : "an option"}`}
      placeholder={what === "class" ? "Add a class's curve" : "Add an option's curve"}
      text={text}
      setText={setText}
      {...(onOpen && { onOpen })}
      suggestions={left}
      choose={choose}
      submit={() => {
        const [only, another] = left;
        const taken = only !== undefined && another === undefined;
        if (taken) choose(only);
        return taken;
      }}
      note={
        full
          ? `${MOST_LINES} are as many as can be told apart: remove one first.`
          : options && left.length === 0
            ? `No other ${what} has such a name.`
            : undefined
      }
    />
  );
}
