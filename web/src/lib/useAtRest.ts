import { useState, useSyncExternalStore } from "react";

/** How long a hand must pause for a drag to be at rest, in milliseconds. */
const PAUSE = 100;

/** Whatever is being dragged, there is one hand. */
let moving = false;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

/** Something was dragged a little further. */
export function moved() {
  clearTimeout(timer);
  timer = setTimeout(rested, PAUSE);
  tell(true);
}

/** It was let go, or pauses. */
export function rested() {
  clearTimeout(timer);
  tell(false);
}

function tell(now: boolean) {
  if (now === moving) return;
  moving = now;
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** The value as of when nothing was on the move: what takes long to answer is not asked at every step of a drag. */
export function useAtRest<T>(value: T): T {
  const isMoving = useSyncExternalStore(subscribe, () => moving);
  const [still, setStill] = useState(value);
  if (isMoving || still === value) return still;
  setStill(value);
  return value;
}
