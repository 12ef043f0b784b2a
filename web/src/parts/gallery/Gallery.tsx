import { memo, useCallback, useMemo, useRef, useState } from "react";
import { useFilters, useObjectPages, useRowPages, useSkeletons } from "../../api/gallery";
import type { Case, Objects, Rows } from "../../api/schema";
import { count } from "../../lib/format";
import { isOfObjects, rangesOf, ROW_METRICS } from "../../lib/metrics";
import { countedOf, orderedBy } from "../../lib/selection";
import { CASE_OUTCOMES } from "../../lib/outcome";
import { useLastDefined } from "../../lib/useLastDefined";
import { useMetricNames } from "../../lib/useMetricNames";
import { useNear } from "../../lib/useNear";
import { useThresholdsNear } from "../../lib/useThresholdsNear";
import { CASES } from "../../state/lower";
import { filterOf, type View } from "../../state/view";
import { type Item, keyOfCase } from "./Card";
import { Cards } from "./Cards";
import styles from "./Gallery.module.css";
import { LostPictures } from "./LostPictures";
import { Legend } from "../shared/Mark";
import { Empty, Failed, Loading } from "../shared/Message";
import type { PartProps } from "../shared/props";
import { RowDetail } from "../detail/RowDetail";
import { SelectionBar } from "./SelectionBar";
import { Whose, whoseOf } from "./Whose";

type Shown = "rows" | "objects";

/** Data rows or single objects: unless it was said which, objects where a number about objects was chosen. */
function shownBy(view: View): { shown: Shown; otherwise: Shown } {
  const chosen =
    view.actual !== null ||
    view.predicted !== null ||
    view.outcome !== null ||
    view.cause !== null ||
    view.counted !== null ||
    view.w.some(isOfObjects);
  const otherwise = chosen ? "objects" : "rows";
  return { shown: view.show ?? otherwise, otherwise };
}

export const Gallery = memo(function Gallery({ subject: first, versus, view: whole, setView }: PartProps) {
  const panel = useRef<HTMLElement>(null);
  const near = useNear(panel);
  const view = useThresholdsNear(whole, near || whole.row !== null);
  const { shown, otherwise } = shownBy(view);
  const subject = shown === "objects" ? whoseOf(first, versus, view) : first;
  const filters = useFilters(first, versus, view);
  const filter = (subject === first ? filters?.own : filters?.theirs) ?? filterOf(view);
  const rowPages = useRowPages(filters && shown === "rows" ? subject : null, view, filter);
  const other = (subject === first ? versus?.run : first?.run) ?? null;
  const objectPages = useObjectPages(filters && shown === "objects" ? subject : null, view, filter, other);
  const pages = shown === "rows" ? rowPages : objectPages;
  const rowsOf = rowPages.data?.pages;
  const objectsOf = objectPages.data?.pages;
  const answered = useMemo<Answered | undefined>(() => {
    if (shown === "rows") return rowsOf && { shown, total: rowsOf[0]?.total ?? 0, items: itemsOfRows(rowsOf) };
    return objectsOf && { shown, total: objectsOf[0]?.total ?? 0, items: itemsOfObjects(objectsOf) };
  }, [shown, rowsOf, objectsOf]);
  // Until the next ones are there the last ones stay: the page keeps its height, and nothing jumps.
  const { items, total, shown: kind } = useLastDefined(answered) ?? { items: [], total: 0, shown };
  const rows = useMemo(() => items.map((item) => item.row), [items]);
  const skeletons = useSkeletons(subject, rows);
  const [wanted, want] = useState<string | null>(null);
  const [lost, setLost] = useState<ReadonlySet<string>>(new Set());
  const onLost = useCallback((url: string) => setLost((before) => new Set([...before, url])), []);
  const missing = useMemo(
    () => [...new Set(rows.map((row) => row.media_url))].filter((url) => lost.has(url)),
    [rows, lost],
  );

  const at = view.row === null ? -1 : items.findIndex((item) => isOpen(item, view));
  const open = (item: Item, history: "push" | "replace") =>
    setView({ row: item.row.data_row, object: item.case ? keyOfCase(item.case) : null }, { history });
  const beside = (step: number) => {
    const item = at < 0 ? undefined : items[at + step];
    return item ? () => open(item, "replace") : null;
  };
  const more = () => {
    if (pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage();
  };
  const one = shown === "rows" ? "data row" : "object";
  return (
    <section className="panel" aria-labelledby="gallery" aria-busy={pages.isFetching} ref={panel}>
      <header>
        <h2 id="gallery">Gallery</h2>
        <span className={`number ${styles.total}`} role="status">
          <b data-figure="gallery-total">{answered ? count(total) : "…"}</b> {one}
          {total === 1 ? "" : "s"}
        </span>
        <div className={styles.tools}>
          <div className="group">
            {(["rows", "objects"] as const).map((kind) => (
              <button
                key={kind}
                type="button"
                className="control"
                aria-pressed={shown === kind}
                onClick={() => setView({ show: kind === otherwise ? null : kind, desc: null })}
              >
                {kind === "rows" ? "Data rows" : "Objects"}
              </button>
            ))}
          </div>
          {shown === "objects" && versus && <Whose {...{ subject: first, versus, view, setView, filters }} />}
          {shown === "objects" && <OutcomeChoice view={view} setView={setView} />}
          <Order shown={shown} {...{ subject, view, setView }} />
        </div>
      </header>
      <div className={styles.bar}>
        <Legend rows={rows} />
        <Chips view={view} setView={setView} />
      </div>
      {shown === "rows" && (view.outcome !== null || view.counted !== null || view.w.some(isOfObjects)) && (
        <p className={`muted ${styles.note}`}>
          An outcome, and a range of what objects have of their own, narrow single objects, not data rows.
        </p>
      )}
      <LostPictures urls={missing} />
      {pages.isPending && items.length === 0 ? (
        <Loading what={`${one}s`} />
      ) : pages.isError ? (
        <Failed error={pages.error} again={() => void pages.refetch()} />
      ) : items.length === 0 ? (
        <Empty title={`No ${one} here.`}>Remove a filter, or choose another cell of the confusion matrix.</Empty>
      ) : (
        <div className={styles.cards} data-late={!answered || pages.isPlaceholderData}>
          <Cards
            key={kind}
            items={items}
            total={total}
            label={kind === "rows" ? "Data rows" : "Objects"}
            skeletons={skeletons}
            more={more}
            open={(item) => open(item, "push")}
            wanted={wanted}
            want={want}
            onLost={onLost}
          />
        </div>
      )}
      <SelectionBar what={one} total={answered && total} {...{ items, skeletons, view, setView }} />
      {view.row !== null && !(versus && view.from === "flips") && (
        <RowDetail
          subject={subject}
          versus={subject === first ? versus : first}
          view={view}
          setView={setView}
          name={view.row}
          given={items[at]?.row ?? rows.find((row) => row.data_row === view.row) ?? null}
          place={at < 0 ? null : `${count(at + 1)} of ${count(total)}`}
          previous={beside(-1)}
          next={beside(1)}
          nearTheEnd={at >= items.length - 3 ? more : null}
          close={() => setView({ row: null, object: null })}
          closed={() => want((items[at] ?? items[0])?.key ?? null)}
        />
      )}
    </section>
  );
});

interface Answered {
  shown: Shown;
  total: number;
  items: Item[];
}

function itemsOfRows(pages: Rows[]): Item[] {
  return pages.flatMap((page) => page.rows.map((row) => ({ key: row.data_row, row, case: null })));
}

function itemsOfObjects(pages: Objects[]): Item[] {
  return pages.flatMap((page) =>
    page.objects.flatMap((one) => {
      const row = page.rows[one.data_row];
      return row ? [{ key: `${one.data_row} ${keyOfCase(one)}`, row, case: one }] : [];
    }),
  );
}

function isOpen(item: Item, view: View): boolean {
  return item.row.data_row === view.row && (item.case === null || keyOfCase(item.case) === view.object);
}

type Own = Pick<PartProps, "view" | "setView">;

function OutcomeChoice({ view, setView }: Own) {
  return (
    <select
      className="control"
      aria-label="Which objects"
      value={view.outcome ?? ""}
      onChange={(event) => setView({ outcome: (event.target.value || null) as Case["outcome"] | null })}
    >
      <option value="">every outcome</option>
      {CASES.map((outcome) => (
        <option key={outcome} value={outcome}>
          {CASE_OUTCOMES[outcome].words}
        </option>
      ))}
    </select>
  );
}

const OBJECT_ORDERS = { data_row: "data row", confidence: "confidence", iou: "IoU" };

/** By what the cards are sorted: of data rows by any metric of theirs. */
function Order({ shown, subject, view, setView }: Omit<PartProps, "versus"> & { shown: Shown }) {
  const { ofRows: named } = useMetricNames(subject, view);
  const groups = [...new Set(named.map((one) => one.group))];
  const down = view.desc === "1";
  return (
    <div className="group">
      {shown === "objects" ? (
        <select
          className="control"
          aria-label="Order of the objects"
          value={view.osort}
          onChange={(event) => setView(orderedBy(event.target.value as keyof typeof OBJECT_ORDERS))}
        >
          {Object.entries(OBJECT_ORDERS).map(([name, title]) => (
            <option key={name} value={name}>
              by {title}
            </option>
          ))}
        </select>
      ) : (
        <select
          className={`control ${styles.sort}`}
          aria-label="Order of the rows"
          value={view.sort}
          onChange={(event) => setView({ sort: event.target.value })}
        >
          <option value="data_row">by data row</option>
          {Object.entries(ROW_METRICS).map(([name, title]) => (
            <option key={name} value={name}>
              by {title}
            </option>
          ))}
          {groups.map((group) => (
            <optgroup key={group} label={group}>
              {named
                .filter((one) => one.group === group)
                .map(({ name, title }) => (
                  <option key={name} value={name}>
                    by {title}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      )}
      <button
        type="button"
        className="control"
        aria-pressed={down}
        aria-label={down ? "Highest first" : "Lowest first"}
        title={down ? "Highest first" : "Lowest first"}
        onClick={() => setView({ desc: down ? null : "1" })}
      >
        <span aria-hidden="true">{down ? "↓" : "↑"}</span>
      </button>
    </div>
  );
}

/** What narrows the gallery alone; what narrows the whole page has its chips above. */
function Chips({ view, setView }: Own) {
  const chips = [
    ...(view.counted
      ? [{ text: countedOf(view.counted, view.alone), remove: () => setView({ counted: null, alone: null }) }]
      : []),
    ...(view.outcome ? [{ text: CASE_OUTCOMES[view.outcome].words, remove: () => setView({ outcome: null }) }] : []),
    ...(view.cause ? [{ text: `cause: ${view.cause}`, remove: () => setView({ cause: null }) }] : []),
    ...rangesOf(view.w).map(({ words, parts }) => ({
      text: words,
      remove: () => setView({ w: view.w.filter((text) => !parts.includes(text)) }),
    })),
  ];
  if (chips.length === 0) return null;
  return (
    <div className={styles.chips}>
      {chips.map(({ text, remove }) => (
        <button key={text} type="button" className={styles.chip} aria-label={`Remove filter ${text}`} onClick={remove}>
          {text}
        </button>
      ))}
    </div>
  );
}
