import { memo } from "react";
import { useLevels } from "../../api/datasets";
import type { Dataset } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import { cellOf } from "../../lib/selection";
import { SPLITS } from "../../state/view";
import { ClassSearch } from "./ClassSearch";
import { Condition } from "./Condition";
import styles from "./Filters.module.css";
import type { PartProps } from "../shared/props";
import { Slices } from "./Slices";

interface Props extends PartProps {
  dataset: Dataset;
}

/** What narrows the view: splits, classes, conditions on metadata, and a chip for everything that was clicked. */
export const Filters = memo(function Filters({ dataset, subject, view, setView }: Props) {
  const levels = useLevels(dataset.dataset).data ?? 0;
  const splits = SPLITS.filter((split) => dataset.splits.includes(split));
  const chips: { text: string; remove: () => void }[] = [
    ...view.f.map((name) => ({
      text: `class ${isolated(name)}`,
      remove: () => setView({ f: view.f.filter((f) => f !== name) }),
    })),
    ...view.m.map((text) => ({ text: isolated(text), remove: () => setView({ m: view.m.filter((m) => m !== text) }) })),
  ];
  const cell = cellOf(view);
  if (cell !== null) {
    chips.push({ text: cell, remove: () => setView({ actual: null, predicted: null, whose: null }) });
  }
  if (view.roll !== null) {
    chips.push({ text: `classes at level ${view.roll}`, remove: () => setView({ roll: null }) });
  }
  if (view.missing !== null) {
    chips.push({ text: "rows without predictions count", remove: () => setView({ missing: null }) });
  }
  return (
    <section className={styles.filters} aria-label="Filters">
      <Slices dataset={dataset.dataset} view={view} setView={setView} />
      {splits.length > 1 && (
        <fieldset className={`group ${styles.splits}`}>
          <legend className="visually-hidden">Splits</legend>
          <button
            type="button"
            className="control"
            aria-pressed={view.split.length === 0}
            onClick={() => setView({ split: [] })}
          >
            all splits
          </button>
          {splits.map((split) => (
            <button
              key={split}
              type="button"
              className="control"
              aria-pressed={view.split.includes(split)}
              onClick={() =>
                setView({
                  split: view.split.includes(split) ? view.split.filter((s) => s !== split) : [...view.split, split],
                })
              }
            >
              {split}
            </button>
          ))}
        </fieldset>
      )}
      <ClassSearch subject={subject} chosen={view.f} choose={(name) => setView({ f: [...view.f, name] })} />
      <Condition
        subject={subject}
        keys={dataset.metadata}
        add={(text) => setView({ m: [...view.m.filter((m) => m !== text), text] })}
      />
      {levels > 1 && (
        <select
          className="control"
          aria-label="Level of classes"
          title="Count classes as their ancestors at a level of the declared hierarchy"
          value={view.roll ?? ""}
          onChange={(event) => setView({ roll: event.target.value === "" ? null : Number(event.target.value) })}
        >
          <option value="">classes as they are</option>
          {Array.from({ length: levels - 1 }, (_, i) => i + 1).map((level) => (
            <option key={level} value={level}>
              {level === 1 ? "top-level classes" : `classes of level ${level}`}
            </option>
          ))}
        </select>
      )}
      {chips.map((chip) => (
        <button
          key={chip.text}
          type="button"
          className={styles.chip}
          onClick={chip.remove}
          aria-label={`Remove filter ${chip.text}`}
        >
          {chip.text}
        </button>
      ))}
    </section>
  );
});
