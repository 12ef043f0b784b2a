import { useEffect } from "react";
import { type Subject, useDatasets } from "./api/questions";
import { Comparison } from "./parts/Comparison";
import { ConfusionMatrix } from "./parts/ConfusionMatrix";
import { Curves } from "./parts/Curves";
import { Filters } from "./parts/Filters";
import { Header } from "./parts/Header";
import { Lower } from "./parts/Lower";
import { Failed, Loading, NothingYet } from "./parts/Message";
import { Thresholds } from "./parts/Thresholds";
import { Tiles } from "./parts/Tiles";
import { useView } from "./state/view";
import styles from "./styles/app.module.css";

export function App() {
  const [view, setView] = useView();
  const datasets = useDatasets();
  const dataset = datasets.data?.find((one) => one.dataset === view.d) ?? datasets.data?.[0];
  const run = dataset?.runs.includes(view.a ?? "") ? view.a : (dataset?.runs[0] ?? null);
  const other = view.b !== null && view.b !== run && dataset?.runs.includes(view.b) ? view.b : null;

  useEffect(() => {
    document.title = dataset && run ? `${run} on ${dataset.dataset} · evalstream` : "evalstream";
  }, [dataset, run]);

  if (datasets.isPending) return <Loading what="datasets" />;
  if (datasets.isError) return <Failed error={datasets.error} again={() => void datasets.refetch()} />;
  if (!dataset) return <NothingYet />;

  const subject: Subject | null = run === null ? null : { dataset: dataset.dataset, run };
  const versus: Subject | null = other === null ? null : { dataset: dataset.dataset, run: other };
  const parts = { subject, versus, view, setView };
  return (
    <>
      <Header datasets={datasets.data} dataset={dataset} {...parts} />
      <main className={styles.page}>
        <Thresholds {...parts} />
        <Filters dataset={dataset} {...parts} />
        <Tiles {...parts} />
        {subject && versus && <Comparison {...parts} subject={subject} versus={versus} />}
        <div className={styles.two}>
          <ConfusionMatrix {...parts} />
          <Curves {...parts} />
        </div>
        <Lower {...parts} />
      </main>
    </>
  );
}
