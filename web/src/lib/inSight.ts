interface Line {
  index: number;
  /** Where it ends, in pixels from the first one's top. */
  end: number;
}

/** The first and the last line whose middle is in sight: what is cut below its words is read all the same. */
export function linesInSight(lines: Line[], height: number, top: number, bottom: number): [number, number] | null {
  // What stands above a line, such as the name of its group, is part of it: its middle is known from its end.
  const read = lines.filter(({ end }) => end - height / 2 >= top && end - height / 2 <= bottom);
  const [first, last] = [read[0], read.at(-1)];
  return first && last ? [first.index, last.index] : null;
}
