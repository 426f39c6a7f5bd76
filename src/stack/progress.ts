/** Tells a person, or a CI log, what a long step is doing. */
export interface Progress {
  /** Runs a step, says that it began, every ten seconds that it goes on (with `detail()`), and that it is done. */
  step<T>(title: string, run: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  say(line: string): void;
}

const EVERY_MS = 10_000;
/** A step that is over sooner is told in one line. */
const QUICK_MS = 1_500;

/** Plain lines: they read the same in a terminal, a pipe and a CI log. */
export function linesTo(write: (line: string) => void): Progress {
  return {
    say: write,
    step: async (title, run) => {
      const started = Date.now();
      const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
      let last = '';
      const announce = setTimeout(() => write(`… ${title}`), QUICK_MS);
      const repeat = setInterval(() => write(`… ${title}, ${seconds()}${last === '' ? '' : `: ${last}`}`), EVERY_MS);
      try {
        const result = await run((text) => (last = text.trim().slice(0, 100)));
        write(`✔ ${title} (${seconds()})`);
        return result;
      } catch (error) {
        write(`✖ ${title} (${seconds()})`);
        throw error;
      } finally {
        clearTimeout(announce);
        clearInterval(repeat);
      }
    },
  };
}
