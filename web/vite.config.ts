import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const collector = process.env["LLMOBSERVE_COLLECTOR_URL"] ?? "http://127.0.0.1:8000";
const bundleDir = fileURLToPath(
  new URL("../python/llmobserve-server/src/llmobserve_server/web/dist", import.meta.url),
);

export default defineConfig({
  // Relative, and resolved against <base href>, which the server sets to its own path prefix.
  base: "./",
  plugins: [react(), tailwindcss()],
  build: {
    outDir: bundleDir,
    emptyOutDir: true,
    target: "es2022",
    // Inlined assets would be data: URLs, which the content security policy forbids for scripts and fonts.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: { "/api": collector, "/v1": collector } },
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node" },
});
