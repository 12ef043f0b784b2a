import { useState } from "react";
import { isThreshold, MANY, spread } from "../../lib/thresholds";
import { useStored } from "../../lib/useStored";
import { Pop } from "../shared/Hint";
import styles from "./Presets.module.css";

const PRESETS = spread(0, 1);

/** The values to choose a threshold from: this browser's own, or 0, 0.1 … 1. */
export function usePresets(label: string): [number[], (values: number[] | null) => void] {
  const [stored, store] = useStored<unknown>(`evalstream-presets-${label}`);
  const own = Array.isArray(stored) && stored.length === MANY && stored.every(isThreshold) ? stored : PRESETS;
  return [own, store];
}

interface Props {
  label: string;
  value: number;
  choose: (value: number) => void;
}

/** Eleven values one click away, and a form to change them. */
export function Presets({ label, value, choose }: Props) {
  const [presets, store] = usePresets(label);
  const [draft, setDraft] = useState<string[] | null>(null);
  const values = (draft ?? []).map(Number);
  const fits = draft?.every((text) => text.trim() !== "") && values.every(isThreshold);
  const ends = [values[0], values.at(-1)];
  return (
    <Pop
      button={<span aria-hidden="true">⋯</span>}
      label={`${label} values to choose from`}
      title={`${label} threshold`}
      onOpen={() => setDraft(null)}
    >
      {draft === null ? (
        <>
          <div className={styles.grid}>
            {presets.map((one, i) => (
              <button
                key={i}
                type="button"
                className="control number"
                aria-pressed={one === value}
                onClick={() => choose(one)}
              >
                {one}
              </button>
            ))}
            <button type="button" className="control" onClick={() => setDraft(presets.map(String))}>
              Edit
            </button>
          </div>
        </>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!fits) return;
            store([...values].sort((one, other) => one - other));
            setDraft(null);
          }}
        >
          <div className={styles.grid}>
            {draft.map((text, i) => (
              <input
                key={i}
                className="control number"
                aria-label={`Value ${i + 1}`}
                inputMode="decimal"
                aria-invalid={!isThreshold(values[i]) || text.trim() === ""}
                value={text}
                onChange={(event) => setDraft(draft.map((old, j) => (i === j ? event.target.value : old)))}
              />
            ))}
          </div>
          <div className={styles.actions}>
            <button
              type="button"
              className="control"
              disabled={!ends.every(isThreshold)}
              title="The values between the first and the last, all as far apart"
              onClick={() => setDraft(spread(ends[0] ?? 0, ends[1] ?? 1).map(String))}
            >
              Spread evenly
            </button>
            <button type="button" className="control" onClick={() => setDraft(PRESETS.map(String))}>
              Reset
            </button>
            <button type="submit" className="control primary" disabled={!fits}>
              Save
            </button>
          </div>
          <p className={`muted ${styles.foot}`}>
            {fits ? "Remembered in this browser." : "Each is a number from 0 to 1."}
          </p>
        </form>
      )}
    </Pop>
  );
}
