import type { Subject } from "../../api/ask";
import { useObjectPages } from "../../api/gallery";
import type { Filters } from "../../lib/basis";
import { count } from "../../lib/format";
import { filterOf, type View } from "../../state/view";
import type { PartProps } from "../shared/props";

/** Of which run the gallery shows objects. */
export function whoseOf(subject: Subject | null, versus: Subject | null, view: View): Subject | null {
  return view.whose === "b" && versus ? versus : subject;
}

/** Of two runs, which one's objects are shown, and how many each has. */
export function Whose({ subject, versus, view, setView, filters }: PartProps & { filters: Filters | null }) {
  const whole = filterOf(view);
  const own = useObjectPages(filters && subject, view, filters?.own ?? whole, versus?.run ?? null);
  const theirs = useObjectPages(filters && versus, view, filters?.theirs ?? whole, subject?.run ?? null);
  const totals = [own, theirs].map(({ data }) => data?.pages[0]?.total);
  const shown = whoseOf(subject, versus, view);
  return (
    <div className="group" role="group" aria-label="Objects of which run">
      {[subject, versus].map((one, i) => (
        <button
          key={one?.run}
          type="button"
          className="control"
          aria-pressed={one === shown}
          onClick={() => setView({ whose: i === 0 ? null : "b", row: null })}
        >
          <bdi>{one?.run}</bdi> <span className="number muted">{totals[i] === undefined ? "…" : count(totals[i])}</span>
        </button>
      ))}
    </div>
  );
}
