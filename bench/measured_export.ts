/** Exports one archive in a process of its own and prints, as JSON, the seconds of work and the peak of resident memory. */
import { exportProgram } from "../src/export/export.ts";
import type { ExternalData } from "../src/export/options.ts";

const [input, output, externalData] = Deno.args;
const start = performance.now();
const program = await exportProgram(input, [], output, { externalData: externalData as ExternalData });
const seconds = (performance.now() - start) / 1000;
program.release();
const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
const peak = /VmHWM:\s+(\d+) kB/.exec(status);
console.log(JSON.stringify({ seconds, residentBytes: peak ? Number(peak[1]) * 1024 : null }));
