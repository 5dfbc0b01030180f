import { Worker } from 'node:worker_threads';

/**
 * Ends this process and its group when its parent is gone, also while the main thread is inside a native call that never returns: a second
 * thread looks every half second. (The main thread notices sooner, by the closed channel, whenever it is free.)
 */
export function dieWithParent(parent: number): void {
  const watch = `
    setInterval(() => { if (process.ppid !== ${parent}) process.kill(-process.pid, 'SIGKILL'); }, 500);
  `;
  new Worker(watch, {
    eval: true,
    stdout: false,
    stderr: false,
    resourceLimits: { maxOldGenerationSizeMb: 8 },
  }).unref();
}
