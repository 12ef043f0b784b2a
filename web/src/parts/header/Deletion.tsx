import { Dialog } from "radix-ui";
import { useState } from "react";
import { useDeletion, useLoss } from "../../api/deletion";
import type { Dataset } from "../../api/schema";
import { isolated } from "../../lib/bidi";
import { type Doomed, lossOf } from "../../lib/deletion";
import { Failed, Loading } from "../shared/Message";
import styles from "./Deletion.module.css";

interface Props {
  /** None: there is nothing to delete, or not any more. */
  dataset: Dataset | undefined;
  run: string | null;
  /** Told when something is gone. */
  gone: (deleted: Doomed) => void;
}

/** What was on the screen when the dialog was opened: what is deleted goes away from the screen behind it. */
interface Opened {
  dataset: Dataset;
  run: string | null;
}

/** Deletes the run or the dataset on the screen: says what is lost, and wants its name first. */
export function Deletion({ dataset, run, gone }: Props) {
  const [opened, setOpened] = useState<Opened | null>(null);
  const [busy, setBusy] = useState(false);
  const change = (open: boolean) => {
    if (!busy) setOpened(open && dataset ? { dataset, run } : null);
  };
  return (
    <Dialog.Root open={opened !== null} onOpenChange={change}>
      {dataset && <Dialog.Trigger className="control">Delete…</Dialog.Trigger>}
      <Dialog.Portal>
        <Dialog.Overlay className={styles.veil} />
        <Dialog.Content className={styles.dialog} aria-describedby={undefined}>
          {opened && <Body {...opened} gone={gone} setBusy={setBusy} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface BodyProps extends Opened {
  gone: (deleted: Doomed) => void;
  setBusy: (busy: boolean) => void;
}

function Body({ dataset, run, gone, setBusy }: BodyProps) {
  const [whole, setWhole] = useState(run === null);
  const [typed, setTyped] = useState("");
  const doomed: Doomed = { dataset: dataset.dataset, run: whole ? null : run };
  const deletion = useDeletion(gone);
  const idle = deletion.isIdle || deletion.isError;
  const loss = useLoss(idle ? doomed : null);
  const name = doomed.run ?? doomed.dataset;
  const what = `${whole ? "dataset" : "run"} ${isolated(name)}`;
  const start = () => {
    setBusy(true);
    deletion.mutate(doomed, { onSettled: () => setBusy(false) });
  };
  if (deletion.isSuccess)
    return (
      <>
        <Dialog.Title className={styles.title}>Deleted {what}</Dialog.Title>
        <div role="status">
          <Losses lines={lossOf(deletion.data, dataset.runs)} />
        </div>
        <Dialog.Close className="control primary">Close</Dialog.Close>
      </>
    );
  if (deletion.isPending)
    return (
      <>
        <Dialog.Title className={styles.title}>Deleting {what}…</Dialog.Title>
        <progress aria-label={`Deleting ${what}`} className={styles.progress} />
        <p className="muted">It goes on even if this page is closed.</p>
      </>
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (typed === name && loss.data) start();
      }}
    >
      <Dialog.Title className={styles.title}>Delete {what}?</Dialog.Title>
      {run !== null && (
        <div className="group" role="group" aria-label="What to delete">
          {[false, true].map((one) => (
            <button
              key={String(one)}
              type="button"
              className="control"
              aria-pressed={whole === one}
              onClick={() => {
                setWhole(one);
                setTyped("");
              }}
            >
              {one ? "the whole dataset" : "this run"}
            </button>
          ))}
        </div>
      )}
      {deletion.isError && <Failed error={deletion.error} again={start} />}
      {loss.isError ? (
        <Failed error={loss.error} again={() => void loss.refetch()} />
      ) : !loss.data ? (
        <Loading what="what would be lost" />
      ) : (
        <>
          <p>This is lost for good:</p>
          <Losses lines={lossOf(loss.data, dataset.runs)} />
          {!whole && <p className="muted">Annotations belong to the dataset and stay.</p>}
          <label className={styles.confirm}>
            <span>
              Type <b>{isolated(name)}</b> to confirm
            </span>
            <input
              className="control"
              autoComplete="off"
              spellCheck={false}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </label>
        </>
      )}
      <div className={styles.buttons}>
        <Dialog.Close className="control">Keep it</Dialog.Close>
        <button type="submit" className={`control ${styles.danger}`} disabled={typed !== name || !loss.data}>
          Delete {what}
        </button>
      </div>
    </form>
  );
}

function Losses({ lines }: { lines: string[] }) {
  return (
    <ul className={styles.losses}>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
