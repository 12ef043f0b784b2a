import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "evalstream-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The theme that was chosen in this browser, or else the system's. */
function theme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
}

/** Bring back the theme that was chosen; before the page is drawn, so that it does not flash. */
export function bringBackTheme() {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}

export function useTheme(): [Theme, (next: Theme) => void] {
  return [useSyncExternalStore(subscribe, theme), choose];
}

function choose(next: Theme) {
  document.documentElement.dataset.theme = next;
  localStorage.setItem(KEY, next);
}

function subscribe(changed: () => void) {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  dark.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    dark.removeEventListener("change", changed);
  };
}
