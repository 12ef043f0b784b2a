import { noop, useIsFetching, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { asking } from "../api/ask";
import type { PartProps } from "../parts/shared/props";
import { filterOf } from "../state/view";
import { goesOn, isStepping } from "./gesture";
import { moved, rested } from "./useAtRest";

/**
 * A threshold while it is dragged. The page follows as fast as the service answers: the next questions go out when the
 * last ones are answered, so that however fast a hand moves, no queue builds up. A drag is one step in the history.
 */
export function useDragged(which: "c" | "t", { subject, view, setView }: PartProps) {
  const value = view[which];
  const queries = useQueryClient();
  const [dragged, setDragged] = useState<number | null>(null);
  const stepped = useRef(false);
  const lastKey = useRef<number | null>(null);
  const asked = useIsFetching({ predicate: (query) => query.queryKey[0] === "overview" }) > 0;
  // Once the page has followed, it leads again. That need not be when the drag ends: Radix tells of a step by key first
  // as the last one, and then as one on the way.
  if (dragged === value) setDragged(null);
  const commit = (next: number, history: "push" | "replace") => {
    const change = { [which]: next };
    // The headline is asked for before the page is drawn anew: one is done while the other is. Whoever shows the answer
    // shows what went wrong, too.
    if (subject) queries.query(asking("overview", subject, filterOf({ ...view, ...change }))).catch(noop);
    setView(change, { history });
  };
  const step = (next: number) => {
    if (next === value) return;
    commit(next, stepped.current ? "replace" : "push");
    stepped.current = true;
  };
  const follow = useEffectEvent(step);
  useEffect(() => {
    if (dragged !== null && !asked) follow(dragged);
  }, [dragged, asked]);
  return {
    value: dragged ?? value,
    /** Go there at once. */
    set: (next: number) => commit(next, "push"),
    /** A new drag begins: a step of its own in the history, even if the last one ended where it had begun. */
    grab: () => {
      stepped.current = false;
      lastKey.current = null;
    },
    /** A key that moves it: many in quick succession are one step in the history. */
    press: (key: string) => {
      if (!isStepping(key)) return;
      const now = performance.now();
      stepped.current = goesOn(lastKey.current, now);
      lastKey.current = now;
    },
    drag: (next: number) => {
      if (!asked) step(next);
      moved();
      setDragged(next);
    },
    drop: (last: number) => {
      if (last !== value) commit(last, stepped.current ? "replace" : "push");
      stepped.current = false;
      rested();
      setDragged(null);
    },
  };
}
