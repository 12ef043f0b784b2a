import type { Subject } from "../../api/ask";
import { ApiError } from "../../api/client";
import { useProgress, useRetry } from "../../api/progress";
import { KeyForm } from "./ApiKey";
import styles from "./Freshness.module.css";
import { Pop } from "../shared/Hint";
import { count } from "../../lib/format";

/** How far the run has come, as of when; rows that failed may be tried again. */
export function Freshness({ subject }: { subject: Subject | null }) {
  const progress = useProgress(subject);
  if (!subject || !progress.data)
    return progress.isPending ? (
      <div className={styles.fresh} aria-hidden="true">
        <p>as of …</p>
        <p>… rows</p>
      </div>
    ) : null;
  const { rows, pending, failed } = progress.data;
  const at = new Date(progress.dataUpdatedAt).toLocaleTimeString("en-GB");
  return (
    <div
      className={styles.fresh}
      data-state={progress.failureCount > 0 || failed ? "failed" : pending ? "running" : "complete"}
    >
      <p>
        <span className="visually-hidden">Freshness: </span>
        as of <span className="number">{at}</span>
      </p>
      <p role="status" className="number">
        {count(rows)} {rows === 1 ? "row" : "rows"}
        {pending > 0 && ` · ${count(pending)} pending`}
        {failed > 0 && (
          <>
            {" · "}
            <span className={styles.failed}>{count(failed)} failed</span>
          </>
        )}
      </p>
      {failed > 0 && <Retry dataset={subject.dataset} />}
    </div>
  );
}

function Retry({ dataset }: { dataset: string }) {
  const retry = useRetry(dataset);
  const { error } = retry;
  return (
    <>
      <button type="button" className="control" disabled={retry.isPending} onClick={() => retry.mutate()}>
        {retry.isPending ? "Retrying…" : "Retry"}
      </button>
      {error && (
        <Pop button="Why not?" title="The rows could not be tried again">
          <p>{error.message}.</p>
          {error instanceof ApiError && (error.status === 401 || error.status === 403) ? (
            <KeyForm />
          ) : (
            <p className="message">
              Where the services run apart, this is asked of them on the command line:
              <br />
              <code>evalstream reconcile --failed</code>
            </p>
          )}
        </Pop>
      )}
    </>
  );
}
