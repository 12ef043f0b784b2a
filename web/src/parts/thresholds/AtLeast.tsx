import { useState } from "react";
import { useQuestion } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import type { Choice } from "../../api/schema";
import { ratio } from "../../lib/format";
import { useDebounced } from "../../lib/useDebounced";
import { filterOf } from "../../state/view";
import styles from "./AtLeast.module.css";
import { Pop } from "../shared/Hint";
import type { PartProps } from "../shared/props";

/** Chooses the confidence threshold that keeps recall, or precision, at least as high as one wants it. */
export function AtLeast({ subject, view, setView }: Pick<PartProps, "subject" | "view" | "setView">) {
  const [open, setOpen] = useState(false);
  const [texts, setTexts] = useState({ recall: "0.9", precision: "0.9" });
  const least = useDebounced(texts, 150);
  const fits = [least.recall, least.precision].every(isShare);
  const headline = useHeadline(subject, view);
  const found = useQuestion("thresholds", open && fits && headline ? subject : null, {
    ...filterOf(view),
    ...headline?.ask,
    confidence: 0,
    per_class: false,
    recall: Number(least.recall),
    precision: Number(least.precision),
  });
  const best = found.data?.overall;
  // Where nothing is so high, the highest there is, of each figure, whatever the other one.
  const tooHigh = best !== undefined && (best.best_precision === null || best.best_recall === null);
  const highest = useQuestion("thresholds", open && tooHigh && headline ? subject : null, {
    ...filterOf(view),
    ...headline?.ask,
    confidence: 0,
    per_class: false,
    recall: 0,
    precision: 0,
  }).data?.overall;
  // The last answer is of other texts: it is neither shown nor taken.
  const waiting = found.isPlaceholderData || found.data === undefined || least !== texts;
  const line = (
    of: "recall" | "precision",
    choice: Choice | null | undefined,
    most: Choice | null | undefined,
    close: () => void,
  ) => {
    const offered = choice ?? most;
    return (
      <form
        className={styles.line}
        onSubmit={(event) => {
          event.preventDefault();
          if (!offered || waiting) return;
          setView({ c: offered.confidence });
          close();
        }}
      >
        <label>
          <span>{of === "recall" ? "Recall" : "Precision"} at least</span>
          <input
            className="control number"
            inputMode="decimal"
            value={texts[of]}
            aria-invalid={!isShare(texts[of])}
            onChange={(event) => setTexts({ ...texts, [of]: event.target.value })}
          />
        </label>
        <button type="submit" className="control primary" disabled={!offered || waiting || !isShare(texts[of])}>
          {choice || waiting || !most ? "Set" : "Set highest"}
        </button>
        <p className="muted number" aria-live="polite">
          {!isShare(texts[of])
            ? "A number from 0 to 1."
            : found.isError
              ? found.error.message
              : choice && !waiting
                ? told(choice)
                : !waiting
                  ? `n/a: no threshold has a ${of} so high.${most ? ` The highest is ${ratio(most[of])}. ${told(most)}` : ""}`
                  : "…"}
        </p>
      </form>
    );
  };
  return (
    <Pop button="At least…" title="Choose the confidence threshold" onOpen={setOpen}>
      {(close) => (
        <div className={styles.lines}>
          {line("recall", best?.best_precision, highest?.best_recall, close)}
          {line("precision", best?.best_recall, highest?.best_precision, close)}
        </div>
      )}
    </Pop>
  );
}

function told({ confidence, precision, recall }: Choice): string {
  return `Confidence ${ratio(confidence)}: precision ${ratio(precision)}, recall ${ratio(recall)}`;
}

function isShare(text: string): boolean {
  const number = Number(text);
  return text.trim() !== "" && number >= 0 && number <= 1;
}
