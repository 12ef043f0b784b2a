import { useId, useState } from "react";
import styles from "./Complete.module.css";

export interface Suggestion {
  value: string;
  text: string;
  detail?: string | undefined;
  /** Only the beginning: when it is chosen, there are suggestions of how to go on. */
  begins?: boolean;
}

interface Props {
  label: string;
  placeholder: string;
  text: string;
  setText: (text: string) => void;
  suggestions: Suggestion[];
  choose: (suggestion: Suggestion) => void;
  /** Enter, with no suggestion chosen. Whether what is typed was taken. */
  submit: () => boolean;
  onOpen?: (open: boolean) => void;
  invalid?: boolean;
  /** What is said below the suggestions, or in place of them. */
  note?: string | undefined;
}

/** A field with suggestions: arrow keys or a click choose one, Escape closes them. */
export function Complete({
  label,
  placeholder,
  text,
  setText,
  suggestions,
  choose,
  submit,
  onOpen,
  invalid = false,
  note,
}: Props) {
  const id = useId();
  const [isOpen, setIsOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const open = (next: boolean) => {
    setIsOpen(next);
    setActive(-1);
    onOpen?.(next);
  };
  const at = Math.min(active, suggestions.length - 1);
  const shown = isOpen && (suggestions.length > 0 || note !== undefined);
  const move = (step: number) => {
    if (!isOpen) open(true);
    const many = suggestions.length + 1; // one place for none
    setActive(((at + 1 + step + many) % many) - 1);
  };
  const take = (one: Suggestion) => {
    choose(one);
    open(one.begins === true);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const one = suggestions[at];
      if (one) take(one);
      else open(!submit());
    } else if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      open(false);
    }
  };
  return (
    <div className={styles.complete}>
      <input
        className="control"
        role="combobox"
        aria-label={label}
        aria-expanded={shown}
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={shown && at >= 0 ? `${id}-${at}` : undefined}
        aria-invalid={invalid}
        autoComplete="off"
        placeholder={placeholder}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          if (!isOpen) open(true);
          setActive(-1);
        }}
        onFocus={() => open(true)}
        onClick={() => {
          if (!isOpen) open(true);
        }}
        onBlur={() => open(false)}
        onKeyDown={onKeyDown}
      />
      {shown && (
        <div className={styles.list}>
          <div id={id} role="listbox" aria-label="Suggestions">
            {suggestions.map((one, i) => (
              // The field keeps the focus, and with it the keys.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events
              <div
                key={one.value}
                id={`${id}-${i}`}
                role="option"
                tabIndex={-1}
                aria-selected={i === at}
                className={styles.option}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => take(one)}
              >
                <bdi>{one.text}</bdi>
                {one.detail !== undefined && <span className="muted number">{one.detail}</span>}
              </div>
            ))}
          </div>
          {note !== undefined && <p className={`muted ${styles.note}`}>{note}</p>}
        </div>
      )}
    </div>
  );
}
