import { useCallback, useMemo, useSyncExternalStore } from "react";

const CHANGED = "evalstream-stored";

/** A value that this browser remembers; null: nothing is. Every component that reads it follows. */
export function useStored<T>(name: string): [T | null, (value: T | null) => void] {
  const text = useSyncExternalStore(subscribe, () => localStorage.getItem(name));
  const set = useCallback(
    (value: T | null) => {
      if (value === null) localStorage.removeItem(name);
      else localStorage.setItem(name, JSON.stringify(value));
      dispatchEvent(new Event(CHANGED));
    },
    [name],
  );
  // The same text is the same value, so that it may be depended upon.
  return [useMemo(() => parsed(text) as T | null, [text]), set];
}

function subscribe(changed: () => void) {
  // `storage` tells of other tabs only.
  addEventListener("storage", changed);
  addEventListener(CHANGED, changed);
  return () => {
    removeEventListener("storage", changed);
    removeEventListener(CHANGED, changed);
  };
}

/** What was written by an older page, or by hand, is as good as nothing. */
function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
