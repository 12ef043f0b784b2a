import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { Subject } from "../api/ask";
import { useProgress } from "../api/progress";

/** What tells of changes by itself, or never changes while events arrive. */
const OTHERWISE = new Set(["progress", "datasets", "ontology"]);
/** How often figures are asked anew although no count of rows has changed: an edit may leave the counts as they are. */
const EDITS = 10_000;

/** The figures of the first two runs, and of those beside them. */
const isHeadline = ({ queryKey }: { queryKey: readonly unknown[] }) =>
  queryKey[0] === "overview" || queryKey[0] === "summary";

/** Let every figure follow while events arrive. */
export function useLive(subject: Subject | null, versus: Subject | null) {
  const queries = useQueryClient();
  const own = useProgress(subject).data;
  const theirs = useProgress(versus).data;
  const before = useRef([own, theirs]);
  useEffect(() => {
    const now = [own, theirs];
    // Data keep their identity while they stay the same; those of another run are no change.
    const changed = now.some((one, i) => one && before.current[i] && one !== before.current[i]);
    before.current = now;
    if (!changed) return;
    const settled = now.every((one) => !one?.pending);
    void queries.invalidateQueries({
      // Intervals take the longest: they wait for the last row.
      predicate: ({ queryKey }) => !OTHERWISE.has(String(queryKey[0])) && (settled || queryKey[0] !== "intervals"),
    });
  }, [queries, own, theirs]);
  useEffect(() => {
    // Headlines are asked for now and then; only if one has changed is the rest asked for too.
    const timer = setInterval(() => {
      if (document.hidden) return;
      const cache = queries.getQueryCache();
      const headlines = cache.findAll({ predicate: isHeadline, type: "active" });
      const seen = headlines.map((one) => one.state.data);
      void queries.refetchQueries({ predicate: isHeadline, type: "active" }).then(() => {
        if (headlines.every((one, i) => seen[i] === undefined || one.state.data === seen[i])) return;
        void queries.invalidateQueries({
          predicate: (query) => !OTHERWISE.has(String(query.queryKey[0])) && !(isHeadline(query) && query.isActive()),
        });
      });
    }, EDITS);
    return () => clearInterval(timer);
  }, [queries]);
}
