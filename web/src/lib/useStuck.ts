import { type RefObject, useEffect, useState } from "react";

/** Whether an element that sticks above the top of the screen is partly beyond it, for the page is scrolled. */
export function useStuck(element: RefObject<Element | null>): boolean {
  const [stuck, setStuck] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver(
      ([entry]) => setStuck(entry !== undefined && entry.boundingClientRect.top < 0),
      { threshold: [0.5, 0.6, 0.7, 0.8, 0.9, 1] },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return stuck;
}
