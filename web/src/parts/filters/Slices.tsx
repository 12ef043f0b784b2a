import { useState } from "react";
import { isolated } from "../../lib/bidi";
import { type Kept, keptOf, type Slice, useSlices } from "../../lib/useSlices";
import type { SetView, View } from "../../state/view";
import { Pop } from "../shared/Hint";
import { Choices, Notice } from "../shared/Message";
import styles from "./Slices.module.css";

const same = (one: Kept, other: Kept) => JSON.stringify(keptOf(one)) === JSON.stringify(keptOf(other));

interface Props {
  dataset: string;
  view: View;
  setView: SetView;
}

/**
 * Filters kept under a name in this browser. A link to a slice holds its name and its whole filter, so that it means
 * the same to somebody who has not got it; they can keep it too.
 */
export function Slices({ dataset, view, setView }: Props) {
  const [slices, store] = useSlices(dataset);
  const [name, setName] = useState("");
  const filtered = view.split.length + view.f.length + view.m.length > 0 || view.roll !== null;
  const current = slices.find((one) => one.name === view.slice);
  const changed = current !== undefined && !same(current, view);
  const keep = (as: string) => {
    const slice = { name: as, ...keptOf(view) };
    store([...slices.filter((one) => one.name !== as), slice].sort((x, y) => x.name.localeCompare(y.name)));
    setView({ slice: as });
    setName("");
  };
  // A link to somebody else's slice holds its filter; a name alone says nothing.
  const unknown = view.slice !== null && !current && !filtered;
  const leave = () => setView({ split: [], f: [], m: [], roll: null, slice: null });
  const title =
    view.slice === null || unknown ? "Slices" : `Slice: ${isolated(view.slice)}${changed ? ", changed" : ""}`;
  return (
    <>
      <Pop button={title} title="Slices">
        {(close) => (
          <>
            {slices.length === 0 && <p className="muted">A slice is a filter with a name. There is none yet.</p>}
            <ul className={styles.list}>
              {slices.map((slice) => (
                <li key={slice.name} data-chosen={slice.name === view.slice}>
                  <button
                    type="button"
                    className={styles.slice}
                    aria-pressed={slice.name === view.slice && !changed}
                    onClick={() => {
                      setView({ ...keptOf(slice), slice: slice.name });
                      close();
                    }}
                  >
                    <strong>
                      <bdi>{slice.name}</bdi>
                    </strong>
                    <span className="muted">{told(slice)}</span>
                  </button>
                  <button
                    type="button"
                    className="control"
                    aria-label={`Delete slice ${isolated(slice.name)}`}
                    title="Delete"
                    onClick={() => store(slices.filter((one) => one.name !== slice.name))}
                  >
                    ×
                  </button>
                </li>
              ))}
            </ul>
            {changed && (
              <button type="button" className="control" onClick={() => keep(current.name)}>
                Change “<bdi>{current.name}</bdi>” to this filter
              </button>
            )}
            {view.slice !== null && !current && filtered && (
              <button type="button" className="control" onClick={() => keep(view.slice ?? "")}>
                Keep “<bdi>{view.slice}</bdi>” from this link
              </button>
            )}
            {view.slice !== null && (
              <button
                type="button"
                className="control"
                onClick={() => {
                  leave();
                  close();
                }}
              >
                Leave the slice
              </button>
            )}
            <p className={`muted ${styles.foot}`}>
              {filtered
                ? "A slice is kept in this browser only. To pass one on, share the address: it holds the filter too."
                : "To keep a slice in this browser, filter by split, class or metadata first."}
            </p>
            <form
              className={styles.form}
              onSubmit={(event) => {
                event.preventDefault();
                if (name.trim() && filtered) keep(name.trim());
              }}
            >
              <input
                className="control"
                aria-label="Name of the slice"
                placeholder="Name"
                maxLength={60}
                value={name}
                disabled={!filtered}
                onChange={(event) => setName(event.target.value)}
              />
              <button type="submit" className="control primary" disabled={!filtered || !name.trim()}>
                Keep this filter
              </button>
            </form>
          </>
        )}
      </Pop>
      {unknown && (
        <div className={styles.unknown}>
          <Notice>
            There is no slice <bdi>{view.slice}</bdi> in this browser, and the link holds no filter: this is everything.
            <Choices
              options={[
                ...slices.map((slice) => ({
                  text: slice.name,
                  choose: () => setView({ ...keptOf(slice), slice: slice.name }),
                })),
                { text: "All data rows", choose: leave },
              ]}
            />
          </Notice>
        </div>
      )}
    </>
  );
}

function told({ split, f, m, roll }: Slice): string {
  return [...split, ...f.map(isolated), ...m.map(isolated), ...(roll === null ? [] : [`level ${roll}`])].join(" · ");
}
