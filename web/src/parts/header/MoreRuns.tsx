import { useState } from "react";
import { isolated } from "../../lib/bidi";
import { ALSO } from "../../lib/chart";
import { MOST_RUNS } from "../../lib/sideBySide";
import { Pop } from "../shared/Hint";
import { Swatch } from "../shared/Swatch";
import type { SideBySideProps } from "../shared/props";
import styles from "./MoreRuns.module.css";

/** From how many runs on there is a field to find one by its name. */
const MANY = 8;

interface Props extends SideBySideProps {
  /** All runs of the dataset. */
  runs: string[];
}

/** Chooses the runs that stand beside the two which are compared, in the headline and the curves. */
export function MoreRuns({ runs, subject, versus, also, setView }: Props) {
  const [text, setText] = useState("");
  const others = runs.filter((run) => run !== subject?.run && run !== versus?.run);
  if (others.length === 0 || (versus === null && others.length < 2)) return null;
  const chosen = also.map(({ run }) => run);
  const wanted = text.trim().toLowerCase();
  const found = others.filter((run) => run.toLowerCase().includes(wanted));
  const isFull = chosen.length >= ALSO.length;
  return (
    <Pop
      button={chosen.length > 0 ? `+ ${chosen.length} ${chosen.length === 1 ? "run" : "runs"}` : "+ runs"}
      title="More runs, side by side"
    >
      {others.length >= MANY && (
        <input
          className={`control ${styles.find}`}
          placeholder="Find a run"
          aria-label="Find a run"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <ul className={styles.runs}>
        {found.map((run) => {
          const at = chosen.indexOf(run);
          const isChosen = at >= 0;
          return (
            <li key={run}>
              <label className={styles.run} data-disabled={isFull && !isChosen}>
                <input
                  type="checkbox"
                  checked={isChosen}
                  disabled={isFull && !isChosen}
                  onChange={() => setView({ also: isChosen ? chosen.filter((one) => one !== run) : [...chosen, run] })}
                />
                <span title={run}>{isolated(run)}</span>
                {isChosen && <Swatch color={ALSO[at]?.color ?? ""} dash={ALSO[at]?.dash} />}
              </label>
            </li>
          );
        })}
        {found.length === 0 && <li className="muted">No other run has such a name.</li>}
      </ul>
      <p className={`muted ${styles.foot}`}>
        {isFull
          ? `${MOST_RUNS} are as many as can be told apart: remove one first.`
          : `In the headline and the curves, up to ${MOST_RUNS} in all. Everything else compares two.`}
      </p>
    </Pop>
  );
}
