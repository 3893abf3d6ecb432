/**
 * The command: `deno run -A cli.ts export MODEL.pt2 -o model.onnx --verify`.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";

if (import.meta.main) Deno.exitCode = await main(Deno.args);
