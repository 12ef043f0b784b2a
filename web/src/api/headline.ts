import { useMemo } from "react";
import { type Headline, headlineOf } from "../lib/kinds";
import { filterOf, type View } from "../state/view";
import { type Subject, useQuestion } from "./ask";

/** Of what the headline figures are, and the curves and thresholds that go with them; undefined: not known yet. */
export function useHeadline(subject: Subject | null, view: View): Headline | undefined {
  const types = useQuestion("overview", subject, filterOf(view)).data?.summary.types;
  return useMemo(() => types && headlineOf(types, view.kind), [types, view.kind]);
}
