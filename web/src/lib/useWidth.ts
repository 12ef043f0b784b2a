import { type RefObject, useEffect, useState } from "react";

/** How wide an element is, in pixels of the screen. */
export function useWidth(element: RefObject<Element | null>, before: number): number {
  const [width, setWidth] = useState(before);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width || before));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, before]);
  return width;
}
