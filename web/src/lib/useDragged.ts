import { useIsFetching } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import type { SetView } from "../state/view";
import { moved, rested } from "./useRested";

export type Commit = (value: number, options: Parameters<SetView>[1]) => void;

/**
 * A value while it is dragged. The page follows as fast as the service answers: the next questions go out when the last
 * ones are answered, so that however fast a hand moves, no queue builds up. A drag is one step in the history.
 */
export function useDragged(value: number, commit: Commit) {
  const [dragged, setDragged] = useState<number | null>(null);
  const stepped = useRef(false);
  const asking = useIsFetching({ predicate: (query) => query.queryKey[0] === "summary" }) > 0;
  // Once the page has followed, it leads again. That need not be when the drag ends: Radix tells of a step by key first
  // as the last one, and then as one on the way.
  if (dragged === value) setDragged(null);
  const show = useEffectEvent((next: number) => {
    if (next === value) return;
    commit(next, { history: stepped.current ? "replace" : "push" });
    stepped.current = true;
  });
  useEffect(() => {
    if (dragged !== null && !asking) show(dragged);
  }, [dragged, asking]);
  return {
    value: dragged ?? value,
    /** A new drag begins: a step of its own in the history, even if the last one ended where it had begun. */
    grab: () => {
      stepped.current = false;
    },
    drag: (next: number) => {
      moved();
      setDragged(next);
    },
    drop: (last: number) => {
      if (last !== value) commit(last, { history: stepped.current ? "replace" : "push" });
      stepped.current = false;
      rested();
      setDragged(null);
    },
  };
}
