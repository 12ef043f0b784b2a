import type { RowObject } from "../api/schema";
import { keyOf } from "../lib/cases";
import { colorOf, OUTCOMES } from "../lib/outcome";
import { Mark } from "./Mark";
import type { Drawn } from "./Overlay";
import styles from "./Passage.module.css";

interface Props {
  text: string;
  objects: Drawn[];
  /** Show only so many characters around these keys. */
  excerpt?: readonly string[];
  pointed?: readonly string[];
  point?: (key: string | null) => void;
  choose?: (key: string) => void;
}

const BEFORE = 40;
const BEHIND = 120;

/** A text with its spans marked; an offset counts code points, so the text is cut by those. */
export function Passage({ text, objects, excerpt, pointed = [], point, choose }: Props) {
  const characters = Array.from(text);
  const marks = objects.filter(({ object }) => object.type === "span");
  const [from, to] = excerpt ? placeOf(marks, excerpt, characters.length) : [0, characters.length];
  const cuts = new Set([from, to]);
  for (const { object } of marks) for (const at of object.geometry) if (at > from && at < to) cuts.add(at);
  const ordered = [...cuts].sort((a, b) => a - b);
  return (
    <p className={styles.passage} data-live={choose !== undefined}>
      {from > 0 && "… "}
      {ordered.slice(0, -1).map((start, i) => {
        const end = ordered[i + 1] ?? start;
        const here = marks.filter(({ object }) => covers(object, start, end));
        const words = characters.slice(start, end).join("");
        const top = here.find(({ side, object }) => pointed.includes(keyOf(side, object))) ?? here.at(-1);
        if (!top) return <span key={start}>{words}</span>;
        const key = keyOf(top.side, top.object);
        const ending = here.filter((one) => one.object.geometry[1] === end && !isSaid(one, here));
        return (
          // The list beside it is the way for those without a pointer.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
          <mark
            key={start}
            data-object={key}
            data-side={top.side}
            data-outcome={top.object.outcome}
            data-pointed={pointed.includes(key)}
            style={{ "--color": colorOf(top.object.outcome) } as React.CSSProperties}
            title={here.map(said).join("\n")}
            onPointerEnter={point && (() => point(key))}
            onPointerLeave={point && (() => point(null))}
            onClick={choose && (() => choose(key))}
          >
            {words}
            {ending.map(({ side, object }) => (
              <sub key={keyOf(side, object)} style={{ "--color": colorOf(object.outcome) } as React.CSSProperties}>
                <Mark outcome={object.outcome} size={9} />
                {object.label}
              </sub>
            ))}
          </mark>
        );
      })}
      {to < characters.length && " …"}
    </p>
  );
}

/** Whether a prediction at the same place says the same: one name is enough. */
function isSaid({ side, object }: Drawn, here: Drawn[]): boolean {
  if (side === "prediction") return false;
  return here.some(
    (one) =>
      one.side === "prediction" && one.object.label === object.label && one.object.geometry[1] === object.geometry[1],
  );
}

function said({ side, object }: Drawn): string {
  return `${side} ${object.label}: ${object.outcome ? OUTCOMES[object.outcome].words : "outside the filters"}`;
}

function placeOf(marks: Drawn[], keys: readonly string[], length: number): [number, number] {
  const ends = marks.filter(({ side, object }) => keys.includes(keyOf(side, object))).flatMap((m) => m.object.geometry);
  if (ends.length === 0) return [0, length];
  return [Math.max(0, Math.min(...ends) - BEFORE), Math.min(length, Math.max(...ends) + BEHIND)];
}

function covers(object: RowObject, start: number, end: number): boolean {
  return (object.geometry[0] ?? 0) <= start && end <= (object.geometry[1] ?? 0);
}
