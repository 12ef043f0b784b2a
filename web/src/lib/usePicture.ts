import { useQuery } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { fetchMedia, hasKey } from "../api/client";

interface Picture {
  /** What an `<image>` needs to show it; null while it is not there. */
  source: { href: string } | { ref: (image: SVGImageElement) => () => void } | null;
  lost: boolean;
  /** To be told that the browser could not load it. */
  lose: () => void;
}

/** How long a fetched picture serves every card that shows it, and is kept once none does, in milliseconds. */
const KEPT = 60_000;

/** A picture: where the service wants a key for its own, fetched with the key. */
export function usePicture(url: string): Picture {
  const guarded = hasKey() && isOwn(url);
  const fetched = useQuery({
    queryKey: ["media", url],
    enabled: guarded,
    queryFn: ({ signal }) => fetchMedia(url, signal),
    staleTime: KEPT,
    gcTime: KEPT,
  });
  const content = fetched.data;
  // The browser holds what an address of this kind stands for until it is told to forget it.
  const ref = useCallback(
    (image: SVGImageElement) => {
      const href = URL.createObjectURL(content ?? new Blob());
      image.setAttribute("href", href);
      return () => URL.revokeObjectURL(href);
    },
    [content],
  );
  const [lost, setLost] = useState("");
  const failed = guarded && fetched.isError;
  return {
    source: guarded ? (content ? { ref } : null) : url ? { href: url } : null,
    lost: failed || (url !== "" && lost === url),
    lose: () => setLost(url),
  };
}

/** Only this service may be sent the key. */
function isOwn(url: string): boolean {
  return url !== "" && new URL(url, document.baseURI).origin === location.origin;
}
