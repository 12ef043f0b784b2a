/** Where the last page of a list begins. */
export function lastPage(total: number, size: number): number {
  return Math.max(0, Math.ceil(total / size) - 1) * size;
}

/** Where a page begins that was asked for: at a smaller total there may be fewer than were paged through. */
export function pageAt(from: number, total: number, size: number): number {
  return Math.min(from, lastPage(total, size));
}
