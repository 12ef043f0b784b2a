import { useIsFetching } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import type { SetView } from "../state/view";

export type Commit = (value: number, options: Parameters<SetView>[1]) => void;

/**
 * A value while it is dragged. The page follows as fast as the service answers: the next questions go out when the last
 * ones are answered, so that however fast a hand moves, no queue builds up. A drag is one step in the history.
 */
export function useDragged(value: number, commit: Commit) {
  const [dragged, setDragged] = useState<number | null>(null);
  const stepped = useRef(false);
  const asking = useIsFetching({ predicate: (query) => query.queryKey[0] === "summary" }) > 0;
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
    drag: setDragged,
    drop: (last: number) => {
      if (last !== value) commit(last, { history: stepped.current ? "replace" : "push" });
      stepped.current = false;
      setDragged(null);
    },
  };
}
