// The part of cli-progress's interface that unstable_progress_bar.ts rests on.
declare namespace cliProgress {
  interface Options {
    stream: unknown;
    fps: number;
    clearOnComplete: boolean;
    emptyOnZero: boolean;
    format: (options: unknown, params: { value: number; total: number }, payload: unknown) => string;
  }

  class SingleBar {
    constructor(options: Options);
    start(total: number, startValue: number): void;
    update(value: number): void;
    setTotal(total: number): void;
    stop(): void;
  }
}

export default cliProgress;
