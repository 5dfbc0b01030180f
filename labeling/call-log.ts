import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** One call, or one answer from the cache. */
export interface Call {
  purpose: string;
  /** Digest of the question. */
  question: string;
  /** `answered`, `cached`, or the code of the failure. */
  outcome: string;
  /** Where it was asked: at once, or as a line of a batch. */
  batch: string | null;
  promptTokens: number;
  completionTokens: number;
  dollars: number;
  /** From the call to its answer; null in a batch. */
  milliseconds: number | null;
}

export interface CallSummary {
  calls: number;
  /** Answers that cost nothing. */
  cached: number;
  /** Calls that gave no usable answer, those asked again among them. */
  failed: number;
  promptTokens: number;
  completionTokens: number;
  dollars: number;
  /** Of the calls that were asked at once; null when there was none. */
  meanSeconds: number | null;
}

/** Every call, a line of JSON each, beside the replies: what became of the money. What the cap holds by is the ledger. */
export interface CallLog {
  add(call: Call): void;
  /** Of what was added since it was opened. */
  summary(): CallSummary;
}

export function openCallLog(file: string): CallLog {
  mkdirSync(dirname(file), { recursive: true });
  const sum = { calls: 0, cached: 0, failed: 0, promptTokens: 0, completionTokens: 0, dollars: 0 };
  let timed = 0;
  let milliseconds = 0;
  return {
    add(call) {
      appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), ...call })}\n`);
      if (call.outcome === 'cached') {
        sum.cached++;
        return;
      }
      sum.calls++;
      if (call.outcome !== 'answered') sum.failed++;
      sum.promptTokens += call.promptTokens;
      sum.completionTokens += call.completionTokens;
      sum.dollars += call.dollars;
      if (call.milliseconds === null) return;
      timed++;
      milliseconds += call.milliseconds;
    },
    summary: () => ({ ...sum, meanSeconds: timed > 0 ? milliseconds / timed / 1000 : null }),
  };
}

/** `48 calls (1 without an answer), 12 answers from the cache; ...` */
export function callSummaryText(summary: CallSummary): string {
  const { calls, cached, failed, promptTokens, completionTokens, dollars, meanSeconds } = summary;
  const parts = [
    `${calls} calls of the language model${failed > 0 ? ` (${failed} without a usable answer)` : ''}`,
    `${cached} answers from the cache`,
    `${promptTokens} prompt and ${completionTokens} completion tokens`,
    `$${dollars.toFixed(4)}`,
  ];
  if (meanSeconds !== null) parts.push(`${meanSeconds.toFixed(2)} s a call`);
  return parts.join(', ');
}
