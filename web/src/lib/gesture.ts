/** How long the keys must rest for the next one to be a step of its own in the history, in milliseconds. */
const PAUSE = 1_000;
const STEPPING = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);

/** Whether a key moves a slider. */
export function isStepping(key: string): boolean {
  return STEPPING.has(key);
}

/** Whether a key that is pressed now goes on with what the last one began. */
export function goesOn(last: number | null, now: number): boolean {
  return last !== null && now - last < PAUSE;
}
