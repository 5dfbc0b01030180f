import { createInterface } from 'node:readline';
import { engineDescription, startEngine } from '../../ml/engine/engine.ts';

/** One task's answer: seconds of the work alone, numbers that all sides must agree on, seconds of its parts. */
export interface TaskAnswer {
  seconds: number;
  check: number[];
  parts: Record<string, number>;
}

export type Tasks = Record<string, (...args: never[]) => Promise<TaskAnswer> | TaskAnswer>;

/** Answers a JSON line by a JSON line, as answering.py does on the other sides. */
export async function answer(open: () => Promise<Tasks>): Promise<void> {
  await startEngine();
  const tasks = await open();
  console.log(JSON.stringify({ version: `tensorflow ${engineDescription().tensorflow ?? 'wasm'}` }));
  for await (const line of createInterface({ input: process.stdin })) {
    const { task, arguments: args = [] } = JSON.parse(line) as { task: string; arguments?: never[] };
    const reply = await (tasks[task] as (...args: never[]) => Promise<TaskAnswer>)(...args);
    console.log(JSON.stringify({ ...reply, peakMegabytes: process.resourceUsage().maxRSS / 1024 }));
  }
}
