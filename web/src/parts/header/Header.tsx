import { memo, useState } from "react";
import type { Subject } from "../../api/ask";
import { useMayDelete } from "../../api/datasets";
import type { Dataset } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import { leaving } from "../../lib/deletion";
import { linkOf } from "../../lib/link";
import { useTheme } from "../../lib/theme";
import { useLive } from "../../lib/useLive";
import { NOTHING_CHOSEN } from "../../state/lower";
import { POLICIES, POLICY_MEANING } from "../../state/view";
import { KeyInUse } from "./ApiKey";
import { Deletion } from "./Deletion";
import { Export } from "./Export";
import { Freshness } from "./Freshness";
import styles from "./Header.module.css";
import { MoreRuns } from "./MoreRuns";
import { Hint } from "../shared/Hint";
import type { SideBySideProps } from "../shared/props";

interface Props extends SideBySideProps {
  datasets: Dataset[];
  /** It is not known yet which there are. */
  isPending: boolean;
  /** None: there is no such dataset, or none at all. */
  dataset: Dataset | undefined;
}

/** What belongs to one dataset, and means nothing in another. */
export const OF_A_DATASET = {
  a: null,
  b: null,
  also: [],
  f: [],
  m: [],
  split: [],
  roll: null,
  missing: null,
  slice: null,
  kind: null,
  find: null,
  lines: [],
  question: null,
  actual: null,
  predicted: null,
  row: null,
  ...NOTHING_CHOSEN,
};

export const Header = memo(function Header({
  datasets,
  isPending,
  dataset,
  subject,
  versus,
  also,
  view,
  setView,
}: Props) {
  useLive(subject, versus);
  const mayDelete = useMayDelete();
  return (
    <header className={styles.header}>
      <div className={styles.bar}>
        <h1 className={styles.name}>evalstream</h1>
        {isPending && <Pending view={view} />}
        {datasets.length > 0 && (
          <Choice
            label="Dataset"
            value={dataset?.dataset ?? view.d ?? ""}
            options={datasets.map((one) => one.dataset)}
            choose={(d) => setView({ ...OF_A_DATASET, d })}
          />
        )}
        {dataset && dataset.runs.length > 0 && (
          <>
            <Choice
              label="Run"
              value={subject?.run ?? view.a ?? ""}
              options={dataset.runs}
              choose={(a) => setView({ a })}
            />
            <Choice
              label="Compare with"
              value={versus?.run ?? ""}
              options={["", ...dataset.runs.filter((run) => run !== subject?.run)]}
              shown={(run) => run || "no other run"}
              choose={(b) => setView({ b: b || null, alone: null, whose: null })}
            />
            <MoreRuns runs={dataset.runs} {...{ subject, versus, also, view, setView }} />
            <Choice
              label="Policy"
              value={view.p}
              options={[...POLICIES]}
              hint={POLICY_MEANING[view.p]}
              choose={(p) => setView({ p: p as (typeof POLICIES)[number] })}
            />
          </>
        )}
        <div className={styles.end}>
          <Freshness subject={subject} />
          <div className={styles.tools}>
            {subject && <Export subject={subject} view={view} />}
            <Share subject={subject} />
            {mayDelete && (
              <Deletion
                dataset={dataset}
                run={subject?.run ?? null}
                gone={(deleted) => setView(leaving(view, deleted, OF_A_DATASET), { history: "replace" })}
              />
            )}
            <KeyInUse />
            <Theme />
          </div>
        </div>
      </div>
    </header>
  );
});

/** In the place of what can be chosen until it is known: what stands below must not be pushed away by it. */
function Pending({ view: { d, a, b, p } }: Pick<Props, "view">) {
  const known = { Dataset: d ?? "…", Run: a ?? "…", "Compare with": b ?? "no other run", Policy: p };
  return Object.entries(known).map(([label, value]) => (
    <label key={label} className={styles.choice}>
      <span>{label}</span>
      <select className="control" disabled>
        <option>{isolated(value)}</option>
      </select>
    </label>
  ));
}

interface ChoiceProps {
  label: string;
  value: string;
  options: string[];
  choose: (value: string) => void;
  shown?: (value: string) => string;
  hint?: string;
}

function Choice({ label, value, options, choose, shown = (text) => text, hint }: ChoiceProps) {
  const select = (
    <select className="control" value={value} onChange={(event) => choose(event.target.value)}>
      {/* What a link says may not be there. */}
      {[...(options.includes(value) ? [] : [value]), ...options].map((option) => (
        <option key={option} value={option}>
          {isolated(shown(option))}
        </option>
      ))}
    </select>
  );
  return (
    <label className={styles.choice}>
      <span>{label}</span>
      {hint === undefined ? select : <Hint text={hint}>{select}</Hint>}
    </label>
  );
}

function Share({ subject }: { subject: Subject | null }) {
  const [said, setSaid] = useState<string | null>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(linkOf(location.href, subject));
      setSaid("Link copied");
    } catch {
      // Not every page may write to the clipboard: one that is not served over HTTPS, for instance.
      setSaid("Copy the address bar");
    }
    setTimeout(() => setSaid(null), 2_000);
  };
  return (
    <button type="button" className="control" onClick={() => void copy()} title="The address holds the whole view">
      {said ?? "Share"}
    </button>
  );
}

function Theme() {
  const [theme, setTheme] = useTheme();
  const next = theme === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      className={`control ${styles.theme}`}
      onClick={() => setTheme(next)}
      aria-label={`Use ${next} colours`}
      title={`Use ${next} colours`}
    >
      <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true" fill="currentColor">
        {theme === "dark" ? (
          <path d="M6.2 1.6a6.6 6.6 0 1 0 8.2 8.2A5.6 5.6 0 0 1 6.2 1.6Z" />
        ) : (
          <g stroke="currentColor" strokeWidth="1.5" strokeLinecap="round">
            <circle cx="8" cy="8" r="2.7" />
            {[0, 45, 90, 135, 180, 225, 270, 315].map((turn) => (
              <path key={turn} d="M8 1.2v1.5" transform={`rotate(${turn} 8 8)`} />
            ))}
          </g>
        )}
      </svg>
    </button>
  );
}
