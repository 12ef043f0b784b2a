import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { hasKey, rememberKey } from "../../api/client";
import styles from "./ApiKey.module.css";
import { Pop } from "../shared/Hint";

/** Takes an API key where the service wants one, or another one where this one is not enough. */
export function KeyForm({ done }: { done?: () => void }) {
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  // A header can hold nothing else.
  const fits = /^[\x21-\x7e]+$/.test(key.trim());
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!fits) return;
        rememberKey(key.trim());
        setKey("");
        void queries.resetQueries();
        done?.();
      }}
    >
      <input
        className="control"
        type="password"
        autoComplete="off"
        aria-label="API key"
        placeholder="API key"
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      <button type="submit" className="control" disabled={!fits}>
        Use key
      </button>
      <p className="muted">
        Kept until this tab is closed. Whoever runs the service makes one: evalstream keys create.
      </p>
    </form>
  );
}

/** In the header, once a key is in use: exchange or forget it. */
export function KeyInUse() {
  const queries = useQueryClient();
  if (!hasKey()) return null;
  return (
    <Pop button="Key" label="API key in use" title="API key">
      {(close) => (
        <>
          <KeyForm done={close} />
          <button
            type="button"
            className="control"
            onClick={() => {
              rememberKey(null);
              void queries.resetQueries();
              close();
            }}
          >
            Forget this key
          </button>
        </>
      )}
    </Pop>
  );
}
