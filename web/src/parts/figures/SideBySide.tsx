import type { Subject } from "../../api/ask";
import { type Other, useAnswers, useOthers } from "../../api/sideBySide";
import type { Shared } from "../../lib/basis";
import { isolated } from "../../lib/bidi";
import { ALSO, RUNS } from "../../lib/chart";
import { count, ratio, signed } from "../../lib/format";
import { besideOf } from "../../lib/sideBySide";
import { type Answers, type Tile, tilesOf } from "../../lib/tiles";
import { useStill } from "../../lib/useStill";
import type { SetView, View } from "../../state/view";
import { Swatch } from "../shared/Swatch";
import styles from "./SideBySide.module.css";

interface Props {
  subject: Subject;
  versus: Subject | null;
  also: Subject[];
  view: View;
  setView: SetView;
  /** The first run's figures, and those of the one that it is compared with; whether they are of the last view. */
  tiles: Tile[];
  shared: Shared | undefined;
  stale: boolean;
  isOfAnswers: boolean;
}

/** The headline of more than two runs, one a row. Each is measured by the first, over the rows that both have. */
export function SideBySide(props: Props) {
  const { subject, versus, also, view, setView, tiles, shared, stale, isOfAnswers } = props;
  const still = useStill(view);
  const whole = useAnswers(subject, still);
  const others = useOthers(subject, also, still, whole);
  const rows = tiles.find(({ figure }) => figure === "rows")?.value ?? undefined;
  const columns = tiles.filter(({ figure }) => figure !== "rows");
  const without = (answers: Answers) => (isOfAnswers ? { ...answers, average: undefined } : answers);
  const figuresOf = ({ own, theirs }: Other) => tilesOf(without(whole), without(own), without(theirs), view);
  const drop = (run: string) => setView({ also: view.also.filter((one) => one !== run) });
  const compare = (run: string) =>
    setView({
      b: run,
      also: [...view.also.filter((one) => one !== run), ...(versus ? [versus.run] : [])],
      alone: null,
      whose: null,
    });
  return (
    <section className={`panel ${styles.panel}`} aria-labelledby="side-by-side">
      <header>
        <h2 id="side-by-side">Runs side by side</h2>
      </header>
      <div className={`cut ${styles.scroll}`}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">run</th>
              {columns.map(({ name, meaning }) => (
                <th key={name} scope="col" title={meaning}>
                  {name}
                </th>
              ))}
              <th
                scope="col"
                title="Data rows that pass the filters; of further runs, those that the first run has, too."
              >
                Rows
              </th>
            </tr>
          </thead>
          <tbody>
            <tr data-run-line={subject.run} data-stale={stale}>
              <Name run={subject.run} color={RUNS[0]} />
              {columns.map((tile) => (
                <td key={tile.name} data-column={tile.name} className="number">
                  {told(tile, tile.value, rows === undefined)}
                </td>
              ))}
              <td className="number">{rows === undefined ? "…" : count(rows)}</td>
            </tr>
            {versus && (
              <Line
                run={versus.run}
                color={RUNS[1]}
                first={subject.run}
                rows={shared?.rows}
                whole={rows}
                figures={columns}
                stale={stale}
                error={null}
                drop={() => setView({ b: null, alone: null, whose: null })}
              />
            )}
            {others.map((other, i) => (
              <Line
                key={other.run}
                run={other.run}
                color={ALSO[i]?.color ?? ""}
                dash={ALSO[i]?.dash}
                first={subject.run}
                rows={other.rows}
                whole={rows}
                figures={figuresOf(other).filter(({ figure }) => figure !== "rows")}
                stale={other.stale || still !== view}
                error={other.error}
                drop={() => drop(other.run)}
                compare={() => compare(other.run)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <p className={`muted ${styles.foot}`} data-figure="side-by-side-basis">
        Below each figure: how far it is from that of <bdi>{subject.run}</bdi>, over the data rows that both have.{" "}
        {versus ? (
          <>
            Whether that may be chance is told of <bdi>{versus.run}</bdi> above.
          </>
        ) : (
          "Compare with one of them to see whether that may be chance."
        )}
      </p>
    </section>
  );
}

interface LineProps {
  run: string;
  color: string;
  dash?: readonly number[] | undefined;
  first: string;
  rows: number | undefined;
  whole: number | undefined;
  figures: Tile[];
  stale: boolean;
  error: Error | null;
  drop: () => void;
  compare?: () => void;
}

function Line({ run, color, dash, first, rows, whole, figures, stale, error, drop, compare }: LineProps) {
  const refused = error ? error.message : rows === 0 ? `no data row in common with ${isolated(first)}` : null;
  return (
    <tr data-run-line={run} data-stale={stale}>
      <Name {...{ run, color, dash, drop, compare, first }} />
      {refused !== null ? (
        <td colSpan={figures.length} className={`muted ${styles.refused}`}>
          {refused}
        </td>
      ) : (
        figures.map((tile) => {
          const { value, change, verdict } = besideOf(tile);
          return (
            <td key={tile.name} data-column={tile.name} className="number">
              {told(tile, value, rows === undefined || value === undefined)}
              {change !== null && (
                <small data-change={verdict} title={`than ${isolated(first)}: ${verdict}`}>
                  {signed(change)}
                </small>
              )}
            </td>
          );
        })
      )}
      <td className="number">
        {rows === undefined ? (error ? "" : "…") : count(rows)}
        {rows !== undefined && rows !== whole && <small>of {count(whole)}</small>}
      </td>
    </tr>
  );
}

interface NameProps {
  run: string;
  color: string;
  dash?: readonly number[] | undefined;
  first?: string;
  drop?: () => void;
  compare?: (() => void) | undefined;
}

/** A run with the colour of its curves; what is done with it is said by its buttons. */
function Name({ run, color, dash, first, drop, compare }: NameProps) {
  return (
    <th scope="row">
      <span className={styles.name}>
        <Swatch color={color} dash={dash} />
        <span className={styles.run} title={run}>
          <bdi>{run}</bdi>
        </span>
        {compare && (
          <button
            type="button"
            className={styles.act}
            title={`Compare ${isolated(first ?? "")} with ${isolated(run)} all over the page`}
            onClick={compare}
          >
            Compare<span className="visually-hidden"> with {isolated(run)}</span>
          </button>
        )}
        {drop && (
          <button type="button" className={styles.act} aria-label={`Remove ${isolated(run)}`} onClick={drop}>
            ×
          </button>
        )}
      </span>
    </th>
  );
}

function told({ isCount = false }: Tile, value: number | null | undefined, waiting: boolean): string {
  return waiting ? "…" : isCount ? count(value) : ratio(value);
}
