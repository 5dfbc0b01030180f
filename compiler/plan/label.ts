import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from '../../store/canonical.ts';
import type { Json } from '../../store/types.ts';

/** Longer labels are cut and end in a piece of their digest, so that ids stay readable, unique and within UI limits. */
const LONGEST_LABEL = 48;
/** Temporal's limit for the summary of an activity. */
const LONGEST_SUMMARY = 200;

export function sha256Hex(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** How an axis value is shown in ids and summaries: `3`, `1e-3`, `topk`, `'3'` (a text that looks like a number). */
export function axisLabel(value: Json): string {
  const label = plainLabel(value);
  if (label.length <= LONGEST_LABEL) return label;
  return `${label.slice(0, LONGEST_LABEL - 9)}#${sha256Hex(canonicalJson(value)).slice(0, 8)}`;
}

function plainLabel(value: Json): string {
  if (typeof value === 'number') return numberLabel(value);
  if (typeof value === 'string') {
    const ambiguous =
      value === '' || /^(true|false|null|[-+.]?\d.*|'.*)$/.test(value) || /[,=\s]/.test(value);
    return ambiguous ? `'${value}'` : value;
  }
  if (value === null || typeof value === 'boolean') return String(value);
  return canonicalJson(value).replaceAll('"', '');
}

/** The shorter of decimal and exponential for fractions: 0.01, but 1e-3. */
export function numberLabel(value: number): string {
  const decimal = String(value);
  if (Number.isInteger(value)) return decimal;
  const exponential = value.toExponential();
  return exponential.length < decimal.length ? exponential : decimal;
}

/** `saes[layer=3,variant=topk,seed=0]`, axes by name. */
export function pointId(step: string, axes: Record<string, Json>, seed: number | null): string {
  const parts = labels(axes, seed);
  return parts.length === 0 ? step : `${step}[${parts.join(',')}]`;
}

/** `layer=3 variant=topk seed=0`; the step's name when there is nothing to tell apart. */
export function pointSummary(step: string, axes: Record<string, Json>, seed: number | null): string {
  const text = labels(axes, seed).join(' ') || step;
  if (utf8ToBytes(text).length <= LONGEST_SUMMARY) return text;
  let cut = text.slice(0, LONGEST_SUMMARY - 3);
  while (utf8ToBytes(cut).length > LONGEST_SUMMARY - 3) cut = cut.slice(0, -1);
  return `${cut}…`;
}

function labels(axes: Record<string, Json>, seed: number | null): string[] {
  const parts = Object.keys(axes)
    .sort()
    .map((name) => `${name}=${axisLabel(axes[name]!)}`);
  if (seed !== null) parts.push(`seed=${seed}`);
  return parts;
}
