import { useEffect, useState } from "react";
import { fetchMedia, hasKey } from "../api/client";

interface Picture {
  /** Where the browser can take it from; null while it is not there. */
  href: string | null;
  lost: boolean;
  /** To be told that the browser could not load it. */
  lose: () => void;
}

/** A picture: where the service wants a key for its own, fetched with the key, and forgotten with the component. */
export function usePicture(url: string): Picture {
  const guarded = hasKey() && isOwn(url);
  const [fetched, setFetched] = useState({ url: "", href: "" });
  const [lost, setLost] = useState("");
  useEffect(() => {
    if (!guarded) return;
    const asked = new AbortController();
    let href = "";
    fetchMedia(url, asked.signal).then(
      (blob) => {
        if (asked.signal.aborted) return;
        href = URL.createObjectURL(blob);
        setFetched({ url, href });
      },
      () => {
        if (!asked.signal.aborted) setLost(url);
      },
    );
    return () => {
      asked.abort();
      URL.revokeObjectURL(href);
    };
  }, [guarded, url]);
  const href = guarded ? (fetched.url === url ? fetched.href : null) : url || null;
  return { href, lost: url !== "" && lost === url, lose: () => setLost(url) };
}

/** Only this service may be sent the key. */
function isOwn(url: string): boolean {
  return url !== "" && new URL(url, document.baseURI).origin === location.origin;
}
