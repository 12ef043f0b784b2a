import { useState, useSyncExternalStore } from "react";

/** Whether a pointer is being moved with its button down, or a finger on the screen. */
let dragging = false;
const EVENTS = ["pointermove", "pointerup", "pointercancel"] as const;

function subscribe(changed: () => void) {
  const follow = (event: PointerEvent) => {
    // A list that the browser itself opens swallows the end of a press: only what is moved is dragged.
    dragging = event.type === "pointermove" && event.buttons > 0;
    changed();
  };
  EVENTS.forEach((name) => addEventListener(name, follow, true));
  return () => EVENTS.forEach((name) => removeEventListener(name, follow, true));
}

/** The value from before a drag until its end: what is looked at meanwhile must not jump. It must be the same object as long as it is unchanged. */
export function useFrozenWhileDragged<T>(value: T): T {
  const held = useSyncExternalStore(subscribe, () => dragging);
  const [kept, keep] = useState(value);
  if (held || kept === value) return kept;
  keep(value);
  return value;
}
