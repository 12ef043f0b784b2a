import { useQueries } from "@tanstack/react-query";
import { asking, type Subject } from "../../api/ask";
import { useDatasets } from "../../api/datasets";
import { isolated } from "../../lib/bidi";
import { valuesOf } from "../../lib/condition";
import { CONDITION } from "../../state/parsers";
import type { SetView, View } from "../../state/view";
import { Choices, Empty } from "../shared/Message";

/** How many values are asked for, of metadata that are words: some are named. */
const SOME = 5;

interface Props {
  subject: Subject;
  view: View;
  setView: SetView;
}

/** Whether something is asked of data rows, not of the objects on them. */
export function narrowsRows(view: View): boolean {
  return view.split.length > 0 || view.m.length > 0;
}

/** Stands in place of everything where no data row passes the filters: which they are, and a way out of each. */
export function NoRows({ subject, view, setView }: Props) {
  const keys = [...new Set(view.m.map((text) => CONDITION.exec(text)?.[1] ?? text))];
  const found = useQueries({ queries: keys.map((key) => asking("metadata", subject, { key, limit: SOME })) });
  const known = useDatasets().data?.find((one) => one.dataset === subject.dataset)?.metadata ?? [];
  const filters = [
    ...view.m.map((text) => ({ text, remove: () => setView({ m: view.m.filter((one) => one !== text) }) })),
    ...view.split.map((text) => ({ text, remove: () => setView({ split: view.split.filter((one) => one !== text) }) })),
  ];
  const [only, another] = filters;
  const title =
    only && !another
      ? `No row has ${isolated(only.text)}.`
      : `No row has all of these: ${filters.map((one) => isolated(one.text)).join(", ")}.`;
  return (
    <section className="panel" aria-label="No data rows">
      <Empty title={title}>
        {found.map(({ data }) => data && <p key={data.key}>{valuesOf(data, known)}</p>)}
        <Choices
          options={[
            ...filters.map((one) => ({ text: `Remove ${isolated(one.text)}`, choose: one.remove })),
            ...(another || view.f.length > 0
              ? [{ text: "Clear all", choose: () => setView({ split: [], f: [], m: [], roll: null, slice: null }) }]
              : []),
          ]}
        />
      </Empty>
    </section>
  );
}
