import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { isolated } from "./lib/bidi";
import { type Subject, useQuestion } from "./api/ask";
import { askingDeclared, useDatasets } from "./api/datasets";
import type { Dataset } from "./api/schema";
import { useSubjects } from "./api/sideBySide";
import { count } from "./lib/format";
import { useAtRest } from "./lib/useAtRest";
import { alsoOf } from "./lib/sideBySide";
import { useSilence } from "./lib/useSilence";
import { Causes } from "./parts/figures/Causes";
import { ClassTable } from "./parts/classes/ClassTable";
import { Comparison } from "./parts/comparison/Comparison";
import { ConfusionMatrix } from "./parts/matrix/ConfusionMatrix";
import { Curves } from "./parts/curves/Curves";
import { Distribution } from "./parts/classes/Distribution";
import { Filters } from "./parts/filters/Filters";
import { Fold } from "./parts/shared/Fold";
import { Header, OF_A_DATASET } from "./parts/header/Header";
import { Gallery } from "./parts/gallery/Gallery";
import { Choices, Empty, Failed, Loading, NothingYet, Notice } from "./parts/shared/Message";
import { MoreFigures } from "./parts/figures/MoreFigures";
import { narrowsRows, NoRows } from "./parts/filters/NoRows";
import type { PartProps, SideBySideProps } from "./parts/shared/props";
import { SliceTable } from "./parts/slices/SliceTable";
import { Thresholds } from "./parts/thresholds/Thresholds";
import { Tiles } from "./parts/figures/Tiles";
import { filterOf, type SetView, useView, type View } from "./state/view";
import styles from "./styles/app.module.css";

export function App() {
  const [view, setView] = useView();
  const datasets = useDatasets();
  const all = datasets.data ?? [];
  const dataset = view.d === null ? all[0] : all.find((one) => one.dataset === view.d);
  const subject = useMemo(() => subjectOf(dataset, view.a ?? dataset?.newest_run), [dataset, view.a]);
  useSaid(view, setView, subject);
  const versus = useMemo(
    () => (view.b === subject?.run ? null : subjectOf(dataset, view.b)),
    [dataset, view.b, subject],
  );
  const others = alsoOf(dataset?.runs ?? [], subject?.run ?? null, versus?.run ?? null, view.also);
  const also = useSubjects(dataset?.dataset, others);
  const silence = useSilence(subject);
  const title = subject ? `${isolated(subject.run)} on ${isolated(subject.dataset)} · evalstream` : "evalstream";
  useEffect(() => {
    document.title = title;
  }, [title]);
  const parts = { subject, versus, also, view, setView };
  return (
    <>
      <Header datasets={all} isPending={datasets.isPending} dataset={dataset} {...parts} />
      <main className={styles.page} data-silent={silence !== null}>
        {silence !== null && <Silence since={silence} />}
        {dataset && subject ? (
          <Figures dataset={dataset} {...parts} subject={subject} />
        ) : (
          <section className="panel" aria-label="No figures">
            {datasets.isPending ? (
              <Loading what="datasets" />
            ) : datasets.isError && !datasets.data ? (
              <Failed error={datasets.error} again={() => void datasets.refetch()} />
            ) : all.length === 0 ? (
              <NothingYet />
            ) : !dataset ? (
              <Unknown
                what={`dataset ${isolated(view.d ?? "")}`}
                known={all.map((one) => one.dataset)}
                choose={(d) => setView({ ...OF_A_DATASET, d })}
              />
            ) : dataset.runs.length === 0 ? (
              <NoPredictions dataset={dataset} />
            ) : (
              <Unknown
                what={`run ${isolated(view.a ?? "")} in ${isolated(dataset.dataset)}`}
                known={dataset.runs}
                choose={(a) => setView({ a })}
              />
            )}
          </section>
        )}
      </main>
    </>
  );
}

/**
 * What a link leaves open is chosen once, and then said in the address: a run that comes later must not take the place of
 * the one that a link was made of.
 */
function useSaid({ d, a }: View, setView: SetView, subject: Subject | null) {
  const { dataset, run } = subject ?? {};
  useEffect(() => {
    if (dataset !== undefined && run !== undefined && (d === null || a === null))
      setView({ d: dataset, a: run }, { history: "replace" });
  }, [d, a, dataset, run, setView]);
}

/** A run, if there is such a one. */
function subjectOf(dataset: Dataset | undefined, run: string | null | undefined): Subject | null {
  return dataset && run && dataset.runs.includes(run) ? { dataset: dataset.dataset, run } : null;
}

/** All that there is to see of a run. */
function Figures({ dataset, also, ...parts }: SideBySideProps & { dataset: Dataset; subject: Subject }) {
  const { subject, versus, view, setView } = parts;
  const overview = useQuestion("overview", subject, filterOf(view));
  const summary = overview.data?.summary;
  // What takes long to answer, or to draw, waits until a drag is at rest.
  const still = { ...parts, view: useAtRest(view) };
  const noRows = summary?.rows === 0 && !overview.isPlaceholderData && narrowsRows(view);
  return (
    <>
      {view.b !== null && view.b !== subject.run && !versus && (
        <Notice>
          There is no run <bdi>{view.b}</bdi> in <bdi>{dataset.dataset}</bdi> to compare with.
          <Choices
            options={[
              ...dataset.runs
                .filter((run) => run !== subject.run)
                .map((run) => ({ text: run, choose: () => setView({ b: run }) })),
              { text: "no other run", choose: () => setView({ b: null }) },
            ]}
          />
        </Notice>
      )}
      <NoSuchRuns dataset={dataset} view={view} setView={setView} />
      <NoSuchClass {...parts} />
      <Thresholds {...parts} />
      <Filters dataset={dataset} {...parts} />
      {noRows ? (
        <NoRows subject={subject} view={view} setView={setView} />
      ) : (
        <>
          {summary?.annotations === 0 && summary.predictions > 0 && (
            <Notice>
              {narrowsRows(view) || view.f.length > 0
                ? "No annotation passes the filters: every prediction that does counts as a false positive."
                : "No annotations yet on the data rows of this run: every prediction counts as a false positive."}
            </Notice>
          )}
          <Tiles {...parts} also={also} />
          {versus && (
            <Fold title="Comparison" otherwise>
              <Comparison {...still} versus={versus} />
            </Fold>
          )}
          <div className={styles.two}>
            <ConfusionMatrix {...parts} />
            <Fold title="Curves" otherwise>
              <Curves {...parts} also={also} />
            </Fold>
          </div>
          <div className={styles.wide}>
            <Fold title="Classes">
              <ClassTable {...parts} />
            </Fold>
            <Fold title="Distribution">
              <Distribution {...still} />
            </Fold>
          </div>
          <Fold title="Scores by slice">
            <SliceTable {...still} />
          </Fold>
          <div className={styles.even}>
            <Fold title="Causes of errors">
              <Causes {...still} />
            </Fold>
            <MoreFigures {...still} />
          </div>
          <Gallery {...still} />
        </>
      )}
    </>
  );
}

/** What a link names may be gone, or may never have been: nothing else is shown in its place. */
function Unknown({ what, known, choose }: { what: string; known: string[]; choose: (name: string) => void }) {
  return (
    <Empty title={`There is no ${what}.`}>
      There {known.length === 1 ? "is" : "are"}:
      <Choices options={known.map((name) => ({ text: name, choose: () => choose(name) }))} />
    </Empty>
  );
}

/** Of the runs that a link puts side by side some may be gone. */
function NoSuchRuns({ dataset, view, setView }: Pick<PartProps, "view" | "setView"> & { dataset: Dataset }) {
  const unknown = view.also.filter((run) => !dataset.runs.includes(run));
  if (unknown.length === 0) return null;
  const also = view.also.filter((run) => dataset.runs.includes(run));
  return (
    <Notice>
      There is no run {unknown.map(isolated).join(", no run ")} in <bdi>{dataset.dataset}</bdi> to put beside the
      others.
      <Choices options={[{ text: "Remove from the link", choose: () => setView({ also }) }]} />
    </Notice>
  );
}

/** A class in a link that the dataset does not have would be figures of 0 without a word. */
function NoSuchClass({ subject, view, setView }: PartProps) {
  const { data } = useQuery(askingDeclared(subject, view.f));
  const known = new Set(data?.map((one) => one.name));
  const unknown = data ? view.f.filter((name) => !known.has(name)) : [];
  if (!subject || unknown.length === 0) return null;
  return (
    <Notice>
      There is no class {unknown.map(isolated).join(", no class ")} in <bdi>{subject.dataset}</bdi>.
      <Choices
        options={[
          { text: "Remove from the filters", choose: () => setView({ f: view.f.filter((one) => known.has(one)) }) },
        ]}
      />
    </Notice>
  );
}

function NoPredictions({ dataset: { dataset, data_rows: rows } }: { dataset: Dataset }) {
  return (
    <Empty title={`No predictions yet. ${count(rows)} ${rows === 1 ? "row" : "rows"} annotated.`}>
      Send a model run's predictions, and this page fills while they arrive:
      <br />
      <code>
        evalstream upload --dataset {dataset} \{"\n"} --run yolo-s --predictions results.ndjson
      </code>
    </Empty>
  );
}

function Silence({ since }: { since: number }) {
  return (
    <Notice urgent>
      No answer from the service{since > 0 && ` since ${new Date(since).toLocaleTimeString("en-GB")}`}. Trying again…
    </Notice>
  );
}
