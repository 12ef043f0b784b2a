import { nameOfLabel } from "../../lib/classLabel";
import { memo, useEffect, useEffectEvent, useMemo } from "react";
import type { Row, RowObject } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import { keyOf, nameOf, type Side } from "../../lib/cases";
import { inside, type Placed, placeLabels } from "../../lib/labels";
import { colorOf } from "../../lib/outcome";
import { outlineOf } from "../../lib/rle";
import { type Box, extentOf, isUpsideDown, keypointsOf, ringsOf } from "../../lib/shape";
import { usePicture } from "../../lib/usePicture";
import { Graticule } from "./Graticule";
import { Pin } from "../shared/Mark";
import styles from "./Overlay.module.css";

export interface Drawn {
  side: Side;
  object: RowObject;
}
/** Of each class with a skeleton, which keypoints a line leads between. */
export type Skeletons = Map<string, [number, number][]>;

interface Props {
  row: Row;
  objects: Drawn[];
  /** The part of the picture that is shown. */
  box: Box;
  /** How wide it is on the screen, in pixels: letters and signs keep their size whatever the picture's. */
  pixels: number;
  labels: "none" | "signs" | "names";
  skeletons: Skeletons;
  pointed?: readonly string[];
  point?: (key: string | null) => void;
  choose?: (key: string) => void;
  /** Told of a picture that could not be loaded. */
  onLost?: ((url: string) => void) | undefined;
}

/** The picture of a data row with objects drawn upon it: predictions solid, annotations dashed. */
export const Overlay = memo(function Overlay(props: Props) {
  const { row, objects, box, pixels, labels, skeletons, pointed = [], point, choose, onLost } = props;
  const [x, y, width, height] = box;
  const unit = width / pixels;
  const flipped = isUpsideDown(row);
  const picture = usePicture(flipped ? "" : row.media_url);
  const tellLost = useEffectEvent(() => onLost?.(row.media_url));
  useEffect(() => {
    if (picture.lost) tellLost();
  }, [picture.lost]);
  // The large ones first, so that a small one upon them can be pointed at.
  const ordered = useMemo(() => [...objects].sort((a, b) => areaOf(b.object) - areaOf(a.object)), [objects]);
  return (
    <svg
      className={styles.picture}
      viewBox={`${x} ${flipped ? -(y + height) : y} ${width} ${height}`}
      role="img"
      aria-label={`${objects.length} objects on ${isolated(row.data_row)}`}
      data-choosing={pointed.length > 0}
    >
      {flipped && <Graticule box={box} unit={unit} labelled={labels === "names"} />}
      {picture.source && !picture.lost && (
        <image
          {...picture.source}
          width={row.width || undefined}
          height={row.height || undefined}
          preserveAspectRatio="none"
          style={{ imageRendering: unit < 0.12 ? "pixelated" : "auto" }}
          onError={picture.lose}
        />
      )}
      {ordered.map(({ side, object }) => {
        const key = keyOf(side, object);
        return (
          <g
            key={key}
            data-object={key}
            data-side={side}
            data-outcome={object.outcome ?? "outside"}
            data-pointed={pointed.includes(key)}
            data-live={choose ? "" : undefined}
            data-filled={object.type === "mask" || object.type === "polygon" ? "" : undefined}
            color={colorOf(object.outcome)}
            stroke="currentColor"
            strokeLinejoin="round"
            transform={flipped ? "scale(1 -1)" : undefined}
            pointerEvents={choose ? "all" : "none"}
            onPointerEnter={point && (() => point(key))}
            onPointerLeave={point && (() => point(null))}
            onClick={choose && (() => choose(key))}
          >
            <Shape object={object} unit={unit} lines={skeletons.get(object.feature) ?? []} />
          </g>
        );
      })}
      {labels === "signs" && <Signs objects={ordered} box={box} unit={unit} flipped={flipped} />}
      {labels === "names" && <Names objects={ordered} pointed={pointed} box={box} unit={unit} flipped={flipped} />}
      {picture.lost && (
        <g data-lost={row.media_url} transform={`translate(${x + width - 24 * unit} ${y + 6 * unit}) scale(${unit})`}>
          <title>The picture could not be loaded</title>
          <path className={styles.lost} d="M1 2.5h16v13H1zM1 12l5-4.5 4 3.5 3-2.5 4 3M2 17 16 1" />
        </g>
      )}
    </svg>
  );
});

/** What an object is matched to, if that is drawn too. */
function partnerOf(objects: Drawn[], { side, object }: Drawn): RowObject | null {
  if (object.matched === null) return null;
  return objects.find((one) => one.side !== side && one.object.id === object.matched)?.object ?? null;
}

interface LabelsProps {
  objects: Drawn[];
  box: Box;
  unit: number;
  flipped: boolean;
}

/** The box around an object as it is drawn: the lines of a picture go down, latitudes up. */
function placeOf(object: RowObject, flipped: boolean): Box | null {
  const place = extentOf(object);
  return place && flipped ? [place[0], -(place[1] + place[3]), place[2], place[3]] : place;
}

/** At the corner of what is wrong its sign: a card has no room for names. */
function Signs({ objects, box, unit, flipped }: LabelsProps) {
  const [left, top, width, height] = turned(box, flipped);
  return objects.map(({ side, object }) => {
    const place = placeOf(object, flipped);
    if (!place || !object.outcome || object.outcome === "tp") return null;
    // Of a pair the prediction says it all.
    if (side === "annotation" && partnerOf(objects, { side, object })) return null;
    const x = inside(place[0], 15 * unit, left, width, unit);
    const y = inside(place[1] - 16 * unit, 15 * unit, top, height, unit);
    return <Pin key={keyOf(side, object)} outcome={object.outcome} x={x} y={y} size={13 * unit} />;
  });
}

function turned([x, y, width, height]: Box, flipped: boolean): Box {
  return [x, flipped ? -(y + height) : y, width, height];
}

/** What each object is, where it can be read; of what is pointed at, in any case. */
function Names({ objects, pointed, box, unit, flipped }: LabelsProps & { pointed: readonly string[] }) {
  const named = useMemo(
    () =>
      objects
        .flatMap(({ side, object }) => {
          const partner = partnerOf(objects, { side, object });
          const place = placeOf(object, flipped);
          if (!place || !object.outcome || (partner && side === "annotation")) return [];
          const name = partner ? nameOf({ annotation: partner, prediction: object }) : nameOfLabel(object.label);
          const words = typeof object.confidence === "number" ? `${name} ${object.confidence.toFixed(2)}` : name;
          return [{ key: keyOf(side, object), outcome: object.outcome, place, words }];
        })
        // What is wrong is named first.
        .sort((a, b) => Number(a.outcome === "tp") - Number(b.outcome === "tp")),
    [objects, flipped],
  );
  const places = placeLabels(named, turned(box, flipped), unit);
  const isPointed = (key: string) => pointed.includes(key);
  // What is drawn last lies on top.
  return [...named]
    .sort((a, b) => Number(isPointed(a.key)) - Number(isPointed(b.key)))
    .map(({ key, outcome, words }) => {
      const placed: Placed | undefined = places.get(key);
      if (!placed) return null;
      const { x, y } = placed;
      return (
        <g key={key} data-label={key} data-pointed={isPointed(key)} pointerEvents="none">
          <Pin outcome={outcome} x={x} y={y} size={13 * unit} />
          {(placed.named || isPointed(key)) && (
            <text
              x={x + 17 * unit}
              y={y + 11 * unit}
              fontSize={12.5 * unit}
              fill={colorOf(outcome)}
              strokeWidth={3 * unit}
            >
              {words}
            </text>
          )}
        </g>
      );
    });
}

interface ShapeProps {
  object: RowObject;
  unit: number;
  lines: [number, number][];
}

function Shape({ object, unit, lines }: ShapeProps) {
  const g = object.geometry;
  switch (object.type) {
    case "bbox":
      return <rect x={g[0]} y={g[1]} width={g[2]} height={g[3]} />;
    case "rotated_box": {
      const [x = 0, y = 0, width = 0, height = 0, angle = 0] = g;
      const [left, top] = [x - width / 2, y - height / 2];
      return <rect x={left} y={top} width={width} height={height} transform={`rotate(${angle} ${x} ${y})`} />;
    }
    case "mask":
      return <path d={outlineOf(object.detail).path} fillRule="evenodd" />;
    case "polygon":
      return <path d={ringsOf(object)} fillRule="evenodd" />;
    case "polyline":
      return <polyline points={g.join(" ")} fill="none" />;
    case "point":
      return <circle cx={g[0]} cy={g[1]} r={5 * unit} />;
    case "keypoints": {
      const points = keypointsOf(object);
      return (
        <>
          {lines.map(([from, to]) => {
            const [a, b] = [points[from], points[to]];
            return a && b && a.seen > 0 && b.seen > 0 ? (
              <line key={`${from} ${to}`} x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
            ) : null;
          })}
          {points.map(({ x, y, seen }, i) =>
            seen > 0 ? (
              <circle
                // A keypoint is known by its place in the skeleton.
                key={i}
                cx={x}
                cy={y}
                r={3.5 * unit}
                fill={seen === 2 ? "currentColor" : "none"}
                strokeDasharray="none"
              />
            ) : null,
          )}
        </>
      );
    }
    default:
      return null;
  }
}

function areaOf(object: RowObject): number {
  const box = extentOf(object);
  return box ? box[2] * box[3] : 0;
}
