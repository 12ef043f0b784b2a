import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { asking, type Subject } from "../api/ask";
import { useDatasets } from "../api/datasets";
import type { Dataset, Metadata } from "../api/schema";
import { filterOf, SPLITS, type View } from "../state/view";
import { PARTS } from "./chart";
import { short } from "./format";
import { isAnswerLabel } from "./matrix";
import { type Kept, type Slice, useSlices } from "./useSlices";

/** More could not be told apart. */
const MOST = PARTS.length;
/** Into how many ranges numbers are parted, where they have more values than that. */
const RANGES = 4;
const DIGITS = [3, 6, 9, 12, 15];
/** How many labels are looked at to find the classes among them: answers to questions are labels too. */
const LABELS = 50;

/** One of several parts of a run that stand side by side, and what it is asked with. */
export interface Side {
  name: string;
  filter: ReturnType<typeof filterOf>;
}

const ofMetadata = (key: string) => `metadata.${key}`;
const keyOf = (by: string | null) => (by?.startsWith(ofMetadata("")) ? by.slice(ofMetadata("").length) : null);

/** By what the run can be parted: as it stands in the address, and in words. */
function partingsOf(dataset: Dataset | undefined, slices: Slice[]): { by: string; words: string }[] {
  return [
    ...((dataset?.splits.length ?? 0) > 1 ? [{ by: "split", words: "by split" }] : []),
    { by: "class", words: "by class" },
    ...(slices.length > 0 ? [{ by: "slice", words: "by kept slice" }] : []),
    ...(dataset?.metadata ?? []).map((key) => ({ by: ofMetadata(key), words: `by ${key}` })),
  ];
}

/** The parts of the run, of what passes the filters, and whether there are more than can be shown. */
export function useSides(subject: Subject | null, view: View) {
  const dataset = useDatasets().data?.find((one) => one.dataset === subject?.dataset);
  const [slices] = useSlices(subject?.dataset ?? "");
  const key = keyOf(view.by);
  const classes = useQuery(
    asking("classes", view.by === "class" ? subject : null, {
      ...filterOf(view),
      sort: "annotations",
      descending: true,
      limit: LABELS,
    }),
  ).data;
  const metadata = useQuery(asking("metadata", key === null ? null : subject, { key: key ?? "", limit: LABELS })).data;
  const sides = useMemo((): Side[] => {
    const named = (name: string, kept: Partial<Kept>) => {
      const both = together(view, kept);
      return both ? [{ name, filter: filterOf({ ...view, ...both }) }] : [];
    };
    if (view.by === "split")
      return SPLITS.filter((one) => dataset?.splits.includes(one)).flatMap((one) => named(one, { split: [one] }));
    if (view.by === "slice") return slices.flatMap(({ name, ...kept }) => named(name, kept));
    if (view.by === "class")
      return (classes?.classes ?? [])
        .filter(({ label }) => !isAnswerLabel(label))
        .flatMap(({ label }) => named(label, { f: [label] }));
    return (metadata ? conditionsOf(metadata) : []).flatMap(({ name, m }) => named(name, { m }));
  }, [view, dataset, slices, classes, metadata]);
  return {
    partings: useMemo(() => partingsOf(dataset, slices), [dataset, slices]),
    sides: useMemo(() => sides.slice(0, MOST), [sides]),
    /** What is shown of what there is, in words; null: all of it. */
    some: sides.length <= MOST ? null : view.by === "slice" ? `the first ${MOST}` : `the ${MOST} most frequent`,
  };
}

/** What passes the filters of the page and those of a part; null: nothing can. */
function together(view: Kept, { split = [], f = [], m = [], roll = null }: Partial<Kept>): Kept | null {
  const of = <T>(own: T[], other: T[]) =>
    own.length > 0 && other.length > 0 ? own.filter((one) => other.includes(one)) : [...own, ...other];
  const both = { split: of(view.split, split), f: of(view.f, f), m: [...view.m, ...m], roll: roll ?? view.roll };
  const none = (own: unknown[], other: unknown[], left: unknown[]) =>
    own.length > 0 && other.length > 0 && left.length === 0;
  return none(view.split, split, both.split) || none(view.f, f, both.f) ? null : both;
}

/** Metadata by value, the most frequent first; by range where it is numbers, and many. */
function conditionsOf({ key, values, minimum, maximum, known, numbers }: Metadata): { name: string; m: string[] }[] {
  if (values.length <= MOST || numbers < known || minimum === null || maximum === null)
    return values.map(({ value }) => ({ name: value, m: [`${key}=${value}`] }));
  const at = (i: number) => minimum + ((maximum - minimum) * i) / RANGES;
  // As few digits as tell the edges apart: those of moments in time have the first nine in common.
  const digits =
    DIGITS.find((n) => new Set(Array.from({ length: RANGES + 1 }, (_, i) => at(i).toPrecision(n))).size > RANGES) ?? 17;
  const edge = (i: number) => Number(at(i).toPrecision(digits));
  const told = digits > 3 ? String : short;
  return Array.from({ length: RANGES }, (_, i) => ({
    name:
      i === 0
        ? `below ${told(edge(1))}`
        : i < RANGES - 1
          ? `${told(edge(i))} to ${told(edge(i + 1))}`
          : `from ${told(edge(i))}`,
    m: [...(i > 0 ? [`${key}>=${edge(i)}`] : []), ...(i < RANGES - 1 ? [`${key}<${edge(i + 1)}`] : [])],
  }));
}
