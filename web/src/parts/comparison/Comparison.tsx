import { memo } from "react";
import { useQuestion } from "../../api/ask";
import { useHeadline } from "../../api/headline";
import type { Comparison as Answer } from "../../api/schema";
import { featureOf, nameOfLabel } from "../../lib/classLabel";
import { isolated } from "../../lib/bidi";
import { chance, totalOf } from "../../lib/compared";
import { count } from "../../lib/format";
import type { Kind } from "../../lib/kinds";
import { ofFalsePositivesAlone } from "../../lib/selection";
import { CHANGES, type Change } from "../../state/comparison";
import { filterOf } from "../../state/view";
import { ChangedTable } from "./ChangedTable";
import styles from "./Comparison.module.css";
import { Flips } from "./Flips";
import { FourCells } from "./FourCells";
import { Empty, Failed, Loading } from "../shared/Message";
import type { ComparedProps, PartProps } from "../shared/props";
import { Run } from "./Run";

const CHANGE_NAMES: Record<Change, string> = {
  f1: "F1",
  precision: "precision",
  recall: "recall",
  flips: "only A + only B",
};
/** How many classes or slices are on one page. */
const PAGE = 8;

/** Two runs, object by object: where only one of them is correct, and where they differ most. */
export const Comparison = memo(function Comparison(props: ComparedProps) {
  const { subject, versus, view, setView } = props;
  const headline = useHeadline(subject, view);
  const compared = useQuestion("comparison", headline ? subject : null, {
    ...filterOf(view),
    ...headline?.ask,
    versus: versus.run,
    sort: view.change,
    offset: view.classfrom,
    limit: PAGE,
    slice_offset: view.slicefrom,
    slice_limit: PAGE,
  });
  const answer = compared.data;
  return (
    <section className={`panel ${styles.panel}`} aria-labelledby="comparison" aria-busy={compared.isFetching}>
      <header>
        <h2 id="comparison">
          <Run which="a" name={subject.run} /> <span className="muted">vs</span> <Run which="b" name={versus.run} />
        </h2>
        <label className={styles.by}>
          <span className="muted">Most changed by</span>
          <select
            className="control"
            value={view.change}
            onChange={(event) => setView({ change: event.target.value as Change, classfrom: null, slicefrom: null })}
          >
            {CHANGES.map((change) => (
              <option key={change} value={change}>
                {CHANGE_NAMES[change]}
              </option>
            ))}
          </select>
        </label>
      </header>
      {compared.isError ? (
        <Failed error={compared.error} again={() => void compared.refetch()} />
      ) : !answer ? (
        <div className={styles.waiting}>
          <Loading what="comparison" />
        </div>
      ) : answer.rows === 0 ? (
        <Empty title="No data row has been seen by both runs.">
          <bdi>{subject.run}</bdi> has {count(answer.rows_only_a)} here that <bdi>{versus.run}</bdi> has not, and{" "}
          <bdi>{versus.run}</bdi> {count(answer.rows_only_b)}. Remove a filter, or send predictions of both runs for the
          same data rows.
        </Empty>
      ) : (
        <>
          <Sentence
            answer={answer}
            a={isolated(subject.run)}
            b={isolated(versus.run)}
            what={headline?.kind ?? "objects"}
            setView={setView}
          />
          <div className={styles.parts}>
            <FourCells {...props} answer={answer} />
            <ChangedTable
              {...props}
              title="Classes most changed"
              what="class"
              items={answer.classes.map((one) => ({
                ...one,
                name: nameOfLabel(one.label),
                set: changeOfClass(one.label, props),
              }))}
              total={answer.classes_total}
              from={view.classfrom}
              size={PAGE}
              page={(classfrom) => setView({ classfrom: classfrom || null })}
            />
            <ChangedTable
              {...props}
              title="Slices most changed"
              what="slice"
              items={answer.slices.map((one) => ({
                ...one,
                name: one.key === null ? one.value || "no split" : `${one.key} = ${one.value}`,
                set: changeOfSlice(one.key, one.value, props),
              }))}
              total={answer.slices_total}
              from={view.slicefrom}
              size={PAGE}
              page={(slicefrom) => setView({ slicefrom: slicefrom || null })}
            />
          </div>
          {totalOf(answer) > 0 && <Flips {...props} totals={answer.right} />}
        </>
      )}
    </section>
  );
});

interface SentenceProps extends Pick<PartProps, "setView"> {
  answer: Answer;
  a: string;
  b: string;
  what: Kind;
}

function Sentence({ answer, a, b, what, setView }: SentenceProps) {
  const { right, false_positives: wrong, p_value: p } = answer;
  const left = [
    ...(answer.rows_only_a > 0 ? [`${count(answer.rows_only_a)} that only ${a} has seen`] : []),
    ...(answer.rows_only_b > 0 ? [`${count(answer.rows_only_b)} that only ${b} has seen`] : []),
  ];
  return (
    <div className={styles.sentence}>
      <p data-figure="comparison">
        {p === null ? (
          "No annotation counts here: there is nothing on which one run could be correct and the other not."
        ) : right.only_a + right.only_b === 0 ? (
          `${a} and ${b} are correct on the same ${what}.`
        ) : (
          <>
            Only {a} is correct on <b className="number">{count(right.only_a)}</b>{" "}
            {right.only_a === 1 ? what.slice(0, -1) : what}, only {b} on <b className="number">{count(right.only_b)}</b>
            . {chance(p)}
          </>
        )}
      </p>
      <p className="muted">
        Over the {count(answer.rows)} data rows of both
        {left.length > 0 && `, without ${left.join(" and ")}`}. False positives:{" "}
        <button type="button" className={styles.objects} onClick={() => setView(ofFalsePositivesAlone(null))}>
          {count(wrong.only_a)} that only {a} makes
        </button>
        ,{" "}
        <button type="button" className={styles.objects} onClick={() => setView(ofFalsePositivesAlone("b"))}>
          {count(wrong.only_b)} that only {b} makes
        </button>
        , {count(wrong.both)} that both make.
        {answer.unsettled > 0 && ` ${count(answer.unsettled)} annotations have reached one run's results only so far.`}
      </p>
    </div>
  );
}

function changeOfClass(label: string, { view, setView }: PartProps) {
  const feature = featureOf(label);
  const chosen = view.f.includes(feature);
  return {
    chosen,
    toggle: () => setView({ f: chosen ? view.f.filter((f) => f !== feature) : [...view.f, feature] }),
  };
}

function changeOfSlice(key: string | null | undefined, value: string, { view, setView }: PartProps) {
  if (key === null || key === undefined) {
    const chosen = view.split.some((split) => split === value);
    const split = value as (typeof view.split)[number];
    return {
      chosen,
      // What has no split cannot be asked for by split.
      toggle: value
        ? () => setView({ split: chosen ? view.split.filter((one) => one !== split) : [...view.split, split] })
        : null,
    };
  }
  const text = `${key}=${value}`;
  const chosen = view.m.includes(text);
  return { chosen, toggle: () => setView({ m: chosen ? view.m.filter((m) => m !== text) : [...view.m, text] }) };
}
