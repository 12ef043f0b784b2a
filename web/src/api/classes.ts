import { hashKey, useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import type { View } from "../state/view";
import { filterOf } from "../state/view";
import type { Filtered } from "../lib/basis";
import { useGathered } from "../lib/useGathered";
import { asking, type Subject, useQuestion } from "./ask";
import { askingDeclared } from "./datasets";
import type { Classes, ClassScores, Curve } from "./schema";
import { useShared } from "./shared";

/** What belongs to a class beside its figures. */
export interface Beside {
  curve: Curve | undefined;
  /** As it was declared. */
  color: string | undefined;
  /** The class over the rows that both runs have: of this run and of the other. */
  own: ClassScores | undefined;
  other: ClassScores | undefined;
}

const POINTS = 40;

/**
 * Curves, colours and both runs' figures of the labels that are in sight, a part of the table at a time. The figures are
 * those of the overviews, where these have all classes.
 */
export function useBeside(
  subject: Subject | null,
  versus: Subject | null,
  view: View,
  parts: string[][],
  curves: boolean,
) {
  const filter = filterOf(view);
  const inSight = useMemo(() => parts.flat(), [parts]);
  // Curves are the same at every confidence, colours whatever is asked: a step that brings other classes into sight
  // asks for those alone.
  const ofCurves = { ...filter, confidence: 0, per_class: true, max_points: POINTS };
  const found = useQueries({
    queries: useGathered(inSight, hashKey([subject, ofCurves])).map((label) =>
      asking("pr-curve", curves ? subject : null, { ...ofCurves, label }),
    ),
    combine: data,
  });
  const shared = useShared(subject, versus, view);
  const own = useFigures(shared ? subject : null, shared?.own ?? filter, parts);
  const theirs = useFigures(shared ? versus : null, shared?.theirs ?? filter, parts);
  const colors = useQueries({
    queries: useGathered(inSight, subject?.dataset ?? "").map((names) => askingDeclared(subject, names)),
    combine: data,
  });
  return useMemo(() => {
    const beside = new Map<string, Beside>();
    const of = (label: string) => {
      const one = beside.get(label) ?? { curve: undefined, color: undefined, own: undefined, other: undefined };
      beside.set(label, one);
      return one;
    };
    for (const answer of found) for (const curve of answer?.curves ?? []) of(curve.label ?? "").curve = curve;
    for (const answer of own) for (const one of answer?.classes ?? []) of(one.label).own = one;
    for (const answer of theirs) for (const one of answer?.classes ?? []) of(one.label).other = one;
    for (const answer of colors)
      for (const { name, color, declared } of answer ?? []) if (declared) of(name).color = color;
    return beside;
  }, [found, own, theirs, colors]);
}

/** The figures of classes that are in sight: from the overview if it has them all, for it is there anyway. */
function useFigures(subject: Subject | null, filter: Filtered, parts: string[][]): (Classes | undefined)[] {
  const all = useQuestion("overview", subject, filter).data?.classes;
  const whole = all && all.total <= all.classes.length ? all : undefined;
  const some = useQueries({
    queries: parts.map((label) =>
      asking("classes", all && !whole ? subject : null, { ...filter, label, limit: label.length }),
    ),
    combine: data,
  });
  return useMemo(() => (subject === null ? [] : whole ? [whole] : some), [subject, whole, some]);
}

/** What is answered so far; as one and the same function, so that the list is new only where an answer is. */
function data<T>(answers: { data: T | undefined }[]): (T | undefined)[] {
  return answers.map((answer) => answer.data);
}
