import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { NuqsAdapter } from "nuqs/adapters/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { isBusy, mayPass } from "./api/client";
import { App } from "./App";
import { NoAnswer } from "./lib/queue";
import { bringBackTheme } from "./lib/theme";
import "./styles/base.css";

/** How often a question is asked again of a service that is too busy to take it on. */
const BUSY_RETRIES = 10;

/** For how long an answer is not asked for again, in milliseconds: what changes meanwhile is told (`useLive`). */
const FRESH = 10_000;

bringBackTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH,
      // What was refused will be refused again, unless it was for being too much at a time. A service that is away is asked
      // until it is back: so long the last figures stay on the page.
      retry: (failures, error) =>
        error instanceof NoAnswer || (mayPass(error) && failures < (isBusy(error) ? BUSY_RETRIES : 1)),
      retryDelay: 2_000,
      // A service on this machine answers without a network too.
      networkMode: "always",
      refetchOnWindowFocus: false,
    },
  },
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <NuqsAdapter>
        <App />
      </NuqsAdapter>
    </QueryClientProvider>
  </StrictMode>,
);
