import { nameOfLabel } from "../../lib/classLabel";
import { isolated } from "../../lib/bidi";
import { keyOf } from "../../lib/cases";
import { colorOf, wordsOf } from "../../lib/outcome";
import { piecesOf } from "../../lib/passage";
import { Mark } from "../shared/Mark";
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

/** A text with its spans marked. */
export function Passage({ text, objects, excerpt, pointed = [], point, choose }: Props) {
  const { from, to, length, pieces } = piecesOf(
    text,
    objects.filter(({ object }) => object.type === "span"),
    excerpt,
  );
  return (
    <p className={styles.passage} data-live={choose !== undefined}>
      {from > 0 && "… "}
      {pieces.map(({ start, end, words, here }) => {
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
                <bdi>{nameOfLabel(object.label)}</bdi>
              </sub>
            ))}
          </mark>
        );
      })}
      {to < length && " …"}
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
  return `${side} ${isolated(nameOfLabel(object.label))}: ${wordsOf(object.outcome, (object.matched ?? null) !== null) || "outside the filters"}`;
}
