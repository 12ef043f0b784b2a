import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Subject } from "../../api/ask";
import { fetchFile } from "../../api/files";
import { download, fileName } from "../../lib/download";
import { classesCsv, figuresJson, labelsCsv, rowsJson } from "../../lib/exports";
import { FILES, fileUrl, type FileOf } from "../../lib/files";
import { saidOf } from "../../lib/selection";
import type { View } from "../../state/view";
import styles from "./Export.module.css";
import { Pop } from "../shared/Hint";

interface Props {
  subject: Subject;
  view: View;
}

/** Files of what is on the screen, made here from the API's answers: with the filters and thresholds of the view. */
export function Export({ subject, view }: Props) {
  const queries = useQueryClient();
  const [making, setMaking] = useState<{ share: number | null; stop: () => void } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const name = fileName(`${subject.dataset}-${subject.run}`);

  const make = async (of: typeof classesCsv, file: string, type = "text/csv") => {
    const own = new AbortController();
    const tell = (share: number) => setMaking({ share, stop: () => own.abort() });
    setProblem(null);
    tell(0);
    try {
      download(file, type, await of(subject, view, own.signal, tell));
    } catch (error) {
      if (!own.signal.aborted) setProblem(error instanceof Error ? error.message : String(error));
    }
    setMaking(null);
  };
  const fetchOf = async (what: FileOf, format: string) => {
    const own = new AbortController();
    setProblem(null);
    setMaking({ share: null, stop: () => own.abort() });
    try {
      const file = await fetchFile(fileUrl(what, subject, { ...saidOf(view, what), format }), own.signal);
      download(file.name, file.content.type, [file.content]);
    } catch (error) {
      if (!own.signal.aborted) setProblem(error instanceof Error ? error.message : String(error));
    }
    setMaking(null);
  };
  const items: { text: string; more: React.ReactNode; make: () => void }[] = [
    {
      text: "Classes, CSV",
      more: "Counts and scores of every class",
      make: () => void make(classesCsv, `${name}-classes.csv`),
    },
    {
      text: "Figures, JSON",
      more: "Every answer on this screen, with its question",
      make: () => download(`${name}-figures.json`, "application/json", [figuresJson(queries, view)]),
    },
    {
      text: "Labels of the gallery, CSV",
      more: "Every annotation and prediction of the rows shown there: its shape, confidence and outcome",
      make: () => void make(labelsCsv, `${name}-labels.csv`),
    },
    {
      text: "Rows of the gallery, JSON lines",
      more: (
        <>
          The rows shown there with all their objects, as <code>evalstream export</code> writes them
        </>
      ),
      make: () => void make(rowsJson, `${name}-rows.ndjson`, "application/x-ndjson"),
    },
  ];
  return (
    <Pop
      button={making ? `Export ${making.share === null ? "…" : `${Math.round(100 * making.share)} %`}` : "Export"}
      title="Export"
    >
      <ul className={styles.items}>
        {items.map((item) => (
          <li key={item.text}>
            <button type="button" className={styles.item} disabled={making !== null} onClick={item.make}>
              <strong>{item.text}</strong>
              <span className="muted">{item.more}</span>
            </button>
          </li>
        ))}
      </ul>
      <p className={`muted ${styles.origin}`}>Files that the service writes</p>
      <dl className={styles.files}>
        {(Object.keys(FILES) as FileOf[]).map((what) => (
          <div key={what}>
            <dt>{FILES[what].title}</dt>
            <dd>
              {Object.entries(FILES[what].formats).map(([format, text]) => (
                <button
                  key={format}
                  type="button"
                  className={styles.format}
                  disabled={making !== null}
                  aria-label={`${FILES[what].title} from the service, ${text}`}
                  onClick={() => void fetchOf(what, format)}
                >
                  {text}
                </button>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      {making && (
        <div className={styles.progress}>
          <progress {...(making.share === null ? {} : { value: making.share })} max={1} aria-label="Export" />
          <button type="button" className="control" onClick={making.stop}>
            Stop
          </button>
        </div>
      )}
      {problem !== null && (
        <p role="alert" className={styles.problem}>
          The file could not be made: {problem}. Try again.
        </p>
      )}
      <p className={`muted ${styles.foot}`}>
        With the filters and thresholds of this view. Rows are the gallery's data rows, with all their objects,
        whichever of these it shows. The service writes its files as <code>evalstream export</code>,{" "}
        <code>export-mislabels</code> and <code>export-report</code> do, with a note of what they are of.
      </p>
    </Pop>
  );
}
