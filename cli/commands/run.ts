import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Compiled } from '../../compiler/compile.ts';
import { customQueues } from '../../workflows/execution.ts';
import { attach } from '../attach.ts';
import { compileFile } from '../compile.ts';
import { UserError } from '../errors.ts';
import { renderDiagnostic } from '../render/diagnostics.ts';
import { withSession } from '../session.ts';
import { submit } from '../submit.ts';
import { warnOfMissingWorkers } from '../workers.ts';

export interface RunOptions {
  set?: Record<string, string>;
  /** Start it and return. */
  detach?: boolean;
  /** Spend money without asking. */
  yes?: boolean;
  parallelism?: number;
}

/** `plumb run FILE`: compiles, starts the run (or finds it running), and follows it. @returns the exit code */
export async function run(file: string, options: RunOptions = {}): Promise<number> {
  const compiled = await compileFile(file, { for: 'run', ...(options.set && { set: options.set }) });
  for (const diagnostic of compiled.diagnostics) {
    process.stderr.write(`${renderDiagnostic(diagnostic, (name) => compiled.sources.get(name)?.text)}\n\n`);
  }
  const { plan } = compiled;
  if (!plan) return 1;
  await confirmSpending(compiled, options.yes ?? false);

  const queues = customQueues(plan.steps);
  return await withSession({ start: true, queues, say }, async (session) => {
    const { runId, found } = await submit(session, {
      plan,
      spec: { path: file, text: readFileSync(file, 'utf8') },
      ...(options.parallelism !== undefined && { parallelism: options.parallelism }),
      say,
    });
    say(`${found ? 'Found running' : 'Started'} ${runId}`);
    const ui = session.uiAddress(runId);
    if (ui) say(`  ${ui}`);
    if (!session.embedded) await warnOfMissingWorkers(session.client, plan, say);
    if (!options.detach) return await attach(session, runId);
    await session.embedded?.keep();
    say(`It goes on in the background; \`plumb watch ${runId}\` follows it.`);
    return 0;
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Labelling costs money: the estimate is shown, and a person, or `--yes`, agrees. */
async function confirmSpending({ plan, total }: Compiled, yes: boolean): Promise<void> {
  if (yes || total.dollars === 0) return;
  const question = `${plan?.name} may spend about $${total.dollars.toFixed(2)} on language models.`;
  if (!process.stdin.isTTY) throw new UserError(question, 'Add --yes to agree.');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} Go on? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UserError('Not started.');
}
