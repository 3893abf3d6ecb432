/**
 * The command: `deno run -A cli.ts export MODEL.pt2 -o model.onnx --verify`.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";

// Leaving at once spares the runtime's tear-down, a good part of a short run.
if (import.meta.main) Deno.exit(await main(Deno.args));
