import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

// The page goes into the package that serves it; nothing of it is kept in the repository. While it is being worked on,
// questions go to the service that EVALSTREAM_URL names.
export default defineConfig(({ mode }) => {
  const service = loadEnv(mode, ".", "EVALSTREAM_").EVALSTREAM_URL ?? "http://127.0.0.1:8000";
  return {
    plugins: [react()],
    base: "./",
    build: { outDir: "../services/evalstream_api/static", emptyOutDir: true, chunkSizeWarningLimit: 2000 },
    // Of styles only the colours are looked at.
    test: { include: ["tests/**/*.test.ts"], css: { include: /base\.css/ } },
    server: { proxy: { "/v1": service, "/media": service } },
  };
});
