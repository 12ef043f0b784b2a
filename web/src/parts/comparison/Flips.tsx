import { useEffect, useRef } from "react";
import { useQuestion } from "../../api/ask";
import { useSkeletons } from "../../api/gallery";
import { useHeadline } from "../../api/headline";
import type { Comparison, Flip } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import { keyOf } from "../../lib/cases";
import { cellNames, keyOfFlip } from "../../lib/compared";
import { count } from "../../lib/format";
import { pageAt } from "../../lib/paging";
import { useWidth } from "../../lib/useWidth";
import { filterOf } from "../../state/view";
import type { ComparedProps } from "../shared/props";
import { FlipCard } from "./FlipCard";
import styles from "./Flips.module.css";
import { Failed, Loading } from "../shared/Message";
import { Pager } from "../shared/Pager";
import { RowDetail } from "../detail/RowDetail";

interface Props extends ComparedProps {
  totals: Comparison["right"];
}

/** How many objects are on one page. */
const PAGE = 8;
/** The least width of a card, and what is between two, in pixels: as the style sheet has it. */
const CARD = 260;
const GAP = 12;

/** The objects of the chosen cell, with what each run makes of them. */
export function Flips({ subject, versus, view, setView, totals }: Props) {
  const total = totals[view.flip];
  const from = pageAt(view.flipfrom, total, PAGE);
  const headline = useHeadline(subject, view);
  const flips = useQuestion("comparison/objects", headline && total > 0 ? subject : null, {
    ...filterOf(view),
    ...headline?.ask,
    versus: versus.run,
    kind: view.flip,
    // Where the models are most sure of themselves there is most to learn.
    sort: "confidence",
    descending: true,
    offset: from,
    limit: PAGE,
  });
  const answer = flips.data;
  const section = useRef<HTMLElement>(null);
  const columns = Math.max(1, Math.floor((useWidth(section, 1200) + GAP) / (CARD + GAP)));
  const found = total > 0 ? (answer?.flips ?? []) : [];
  const whole = view.flips === "all" || view.flip !== "only_a" || from > 0;
  const shown = whole ? found : found.slice(0, columns);
  const skeletons = useSkeletons(subject, Object.values(answer?.rows_a ?? {}));

  const open = view.from === "flips" ? shown.findIndex((one) => isOpen(one, view.row, view.object)) : -1;
  const show = (one: Flip, history: "push" | "replace") =>
    setView({ row: one.data_row, object: keyOf("annotation", one.a.annotation), from: "flips" }, { history });
  const beside = (step: number) => {
    const one = open < 0 ? undefined : shown[open + step];
    return one ? () => show(one, "replace") : null;
  };
  const list = useRef<HTMLUListElement>(null);
  const last = useRef<string | null>(null);
  const openKey = shown[open] ? keyOfFlip(shown[open]) : null;
  useEffect(() => {
    if (openKey !== null) last.current = openKey;
  }, [openKey]);
  return (
    <section className={styles.flips} ref={section} aria-labelledby="flips" aria-busy={flips.isFetching}>
      <div className={styles.head}>
        <h3 id="flips">
          {cellNames(subject.run, versus.run)[view.flip]}{" "}
          <span className="number muted" data-figure="flips-total">
            {count(total)}
          </span>
        </h3>
        {whole ? (
          <Pager
            what="objects"
            from={from}
            size={PAGE}
            total={total}
            page={(at) => setView({ flipfrom: at || null })}
          />
        ) : (
          total > shown.length && (
            <button type="button" className="control" onClick={() => setView({ flips: "all" })}>
              Show more
            </button>
          )
        )}
      </div>
      {total === 0 ? (
        <p className="muted">There is no such object. Choose another of the four cells.</p>
      ) : flips.isPending ? (
        <div className={styles.waiting}>
          <Loading what="objects" />
        </div>
      ) : flips.isError ? (
        <Failed error={flips.error} again={() => void flips.refetch()} />
      ) : (
        <ul className={styles.cards} ref={list}>
          {shown.map((one) => (
            <li key={keyOfFlip(one)}>
              <FlipCard
                flip={one}
                a={{ run: subject.run, row: answer?.rows_a[one.data_row] }}
                b={{ run: versus.run, row: answer?.rows_b[one.data_row] }}
                skeletons={skeletons}
                open={() => show(one, "push")}
              />
            </li>
          ))}
        </ul>
      )}
      {view.row !== null && view.from === "flips" && (
        <RowDetail
          subject={subject}
          versus={versus}
          view={view}
          setView={setView}
          name={view.row}
          given={answer?.rows_a[view.row] ?? null}
          place={`as ${isolated(subject.run)} has it${open < 0 ? "" : ` · ${count(from + open + 1)} of ${count(total)}`}`}
          previous={beside(-1)}
          next={beside(1)}
          nearTheEnd={null}
          close={() => setView({ row: null, object: null, from: null })}
          closed={() => {
            const cards = [...(list.current?.querySelectorAll<HTMLElement>("[data-flip]") ?? [])];
            cards.find((card) => card.dataset.flip === last.current)?.focus();
          }}
        />
      )}
    </section>
  );
}

function isOpen(one: Flip, row: string | null, object: string | null): boolean {
  return one.data_row === row && keyOf("annotation", one.a.annotation) === object;
}
