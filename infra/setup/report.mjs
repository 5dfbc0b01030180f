// What the user sees: one line for each thing done, with its time; on a terminal also what is going on now.

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** @param {{write(text: string): void, isTTY?: boolean}} out */
export function createReport(out = process.stdout) {
  const began = performance.now();
  const running = new Map();
  let lines = 0;
  let timer;

  const clear = () => out.isTTY && out.write('\r\x1b[2K');
  const live = () => {
    if (!out.isTTY || running.size === 0) return;
    const width = (out.columns ?? 80) - 1;
    const text = [...running]
      .map(([name, { doing, since }]) => `${name}: ${doing} (${seconds(since)})`)
      .join(' · ');
    out.write(`\r\x1b[2K  … ${text}`.slice(0, width + 5));
  };
  const print = (line) => {
    clear();
    out.write(`${line}\n`);
    lines += 1;
    live();
  };

  return {
    /**
     * Does one thing and prints its line. `work` gets `doing(text)` to say how far it is, and returns the line's text,
     * or undefined when there was nothing to do (then no line is printed).
     * @param {string} name
     * @param {(doing: (text: string) => void) => Promise<string | undefined>} work
     */
    async step(name, work) {
      const since = performance.now();
      const state = { doing: 'starting', since };
      running.set(name, state);
      if (out.isTTY) timer ??= setInterval(live, 500).unref();
      try {
        const text = await work((now) => {
          state.doing = now;
        });
        running.delete(name);
        if (text) print(`  ${name.padEnd(12)} ${seconds(since).padStart(8)}  ${text}`);
      } finally {
        running.delete(name);
        clear();
        live();
      }
    },
    warn: (text) => print(`  warning: ${text.replaceAll('\n', '\n           ')}`),
    finish(what = 'set-up') {
      clearInterval(timer);
      out.write(`${what} ${lines === 0 ? 'up to date' : 'done'} (${seconds(began)})\n`);
    },
    fail(failure, what = 'set-up') {
      clearInterval(timer);
      clear();
      const detail = failure.detail ? `\n${failure.detail.replaceAll(/^/gm, '  | ')}` : '';
      process.stderr.write(`\n${what} stopped: ${failure.message}${detail}\n  to mend it: ${failure.mend}\n`);
    },
  };
}
