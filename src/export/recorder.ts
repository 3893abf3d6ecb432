/** `report` and `profile`: watches an export and writes down what it did, also when it fails. Loaded only when asked for. */
import type { Trail } from "./export.ts";
import type { NodeTimer } from "./lower_graph.ts";
import type { Settings } from "./options.ts";
import { formatTrace, Profiler } from "./profile.ts";
import type { StepMeters } from "./steps.ts";

/** Watches one export. */
export class Recorder {
  private isFinished = false;

  private constructor(
    private readonly settings: Settings,
    private readonly profiler: Profiler | null,
  ) {}

  /** A recorder for what the settings ask for. */
  static async start(settings: Settings): Promise<Recorder> {
    const profiler = settings.profile ? await Profiler.create(settings.instruments) : null;
    return new Recorder(settings, profiler);
  }

  /** What steps are to be measured with. */
  get meters(): StepMeters {
    return this.profiler?.meters ?? { clock: this.settings.instruments.clock };
  }

  /** Told of each node's translation. */
  get timer(): NodeTimer | undefined {
    return this.profiler ?? undefined;
  }

  /**
   * Writes what is asked for and returns the paths.
   *
   * @param error what ended the export; null when it went well
   * @throws errors of the file system
   */
  async finish(trail: Trail, error: unknown): Promise<string[]> {
    const { profiler, settings: { artifacts, report: isAsked } } = this;
    const { records } = trail.steps;
    this.isFinished = true;
    const paths: string[] = [];
    if (profiler) paths.push(await artifacts.write("profile.json", formatTrace(records, profiler)));
    if (isAsked) {
      const [{ collect }, { formatMarkdown }, { formatHtml }] = await Promise.all([
        import("./report/collect.ts"),
        import("./report/markdown.ts"),
        import("./report/html.ts"),
      ]);
      const report = collect(trail, { error, time: artifacts.time, profile: profiler?.result(records) ?? null });
      const page = await formatHtml(report);
      paths.push(await artifacts.write(`${report.status}.md`, formatMarkdown(report)));
      paths.push(await artifacts.write(`${report.status}.html`, page));
    }
    return paths;
  }

  /** As {@linkcode finish}, for an export that fails anyway: returns what the error is to say of it. */
  async fail(trail: Trail, error: unknown): Promise<string[]> {
    // What failed may be the writing itself.
    if (this.isFinished) return [];
    try {
      const paths = await this.finish(trail, error);
      return [`${this.settings.report ? "The report is" : "The profile is"} ${paths.join(", ")}`];
    } catch (second) {
      this.settings.onWarning(`Cannot write the report: ${second instanceof Error ? second.message : second}`);
      return [];
    }
  }
}
