import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { Subject } from "../api/ask";
import { useProgress } from "../api/progress";

/** What tells of changes by itself, or never changes while events arrive. */
const OTHERWISE = new Set(["progress", "datasets", "ontology"]);
/** How often figures are asked anew although no count of rows has changed: an edit may leave the counts as they are. */
const EDITS = 10_000;

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
    // The overview is asked for now and then; only if it has changed is the rest asked for too.
    const timer = setInterval(() => {
      if (document.hidden) return;
      const cache = queries.getQueryCache();
      const overviews = cache.findAll({ queryKey: ["overview"], type: "active" });
      const seen = overviews.map((one) => one.state.data);
      void queries.refetchQueries({ queryKey: ["overview"], type: "active" }).then(() => {
        if (overviews.every((one, i) => seen[i] === undefined || one.state.data === seen[i])) return;
        void queries.invalidateQueries({
          predicate: (query) =>
            !OTHERWISE.has(String(query.queryKey[0])) && !(query.queryKey[0] === "overview" && query.isActive()),
        });
      });
    }, EDITS);
    return () => clearInterval(timer);
  }, [queries]);
}
