import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { asking, type Subject } from "../api/ask";
import { useDatasets } from "../api/datasets";
import type { Dataset } from "../api/schema";
import { filterOf, SPLITS, type View } from "../state/view";
import { isolated } from "./bidi";
import { featureOf, isAnswerLabel } from "./classLabel";
import { conditionsOf, MOST, together } from "./sides";
import { type Kept, type Slice, useSlices } from "./useSlices";

/** How many labels are looked at to find the classes among them: answers to questions are labels too. */
const LABELS = 50;

/** One of several parts of a run that stand side by side, what makes it one, and what it is asked with. */
export interface Side {
  name: string;
  kept: Partial<Kept>;
  filter: ReturnType<typeof filterOf>;
}

const NONE: Side[] = [];

const ofMetadata = (key: string) => `metadata.${key}`;
const keyOf = (by: string | null) => (by?.startsWith(ofMetadata("")) ? by.slice(ofMetadata("").length) : null);

/** By what the run can be parted: as it stands in the address, and in words. */
function partingsOf(dataset: Dataset | undefined, slices: Slice[]): { by: string; words: string }[] {
  return [
    ...((dataset?.splits.length ?? 0) > 1 ? [{ by: "split", words: "by split" }] : []),
    { by: "class", words: "by class" },
    ...(slices.length > 0 ? [{ by: "slice", words: "by kept slice" }] : []),
    ...(dataset?.metadata ?? []).map((key) => ({ by: ofMetadata(key), words: `by ${isolated(key)}` })),
  ];
}

/** The parts of the run by something, of what passes the filters, and whether there are more than can be shown. */
export function useSides(subject: Subject | null, view: View, by: string | null, most: number = MOST) {
  const dataset = useDatasets().data?.find((one) => one.dataset === subject?.dataset);
  const [slices] = useSlices(subject?.dataset ?? "");
  const key = keyOf(by);
  const classes = useQuery(
    asking("classes", by === "class" ? subject : null, {
      ...filterOf(view),
      sort: "annotations",
      descending: true,
      limit: LABELS,
    }),
  ).data;
  const found = useQuery(asking("metadata", key === null ? null : subject, { key: key ?? "", limit: LABELS }));
  const metadata = found.data;
  // Of the rest of the view they are the same: a chart of them is not drawn anew.
  const { p, c, t, split, f, m, roll, missing } = view;
  const sides = useMemo((): Side[] => {
    if (by === null) return NONE;
    const view = { p, c, t, split, f, m, roll, missing };
    const named = (name: string, kept: Partial<Kept>) => {
      const both = together(view, kept);
      return both ? [{ name, kept, filter: filterOf({ ...view, ...both }) }] : [];
    };
    if (by === "split")
      return SPLITS.filter((one) => dataset?.splits.includes(one)).flatMap((one) => named(one, { split: [one] }));
    if (by === "slice") return slices.flatMap(({ name, ...kept }) => named(name, kept));
    if (by === "class")
      return (classes?.classes ?? [])
        .filter(({ label }) => !isAnswerLabel(label))
        .flatMap(({ label }) => named(label, { f: [featureOf(label)] }));
    return (metadata ? conditionsOf(metadata) : []).flatMap(({ name, m }) => named(name, { m }));
  }, [p, c, t, split, f, m, roll, missing, by, dataset, slices, classes, metadata]);
  return {
    partings: useMemo(() => partingsOf(dataset, slices), [dataset, slices]),
    sides: useMemo(() => (sides.length > most ? sides.slice(0, most) : sides), [sides, most]),
    /** What is shown of what there is, in words; null: all of it. */
    some: sides.length <= most ? null : by === "slice" ? `the first ${most}` : `the ${most} most frequent`,
    isPending: key !== null && found.isPending,
  };
}
