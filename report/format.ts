import type { Metric } from '../store/types.ts';

/** Numbers as people read them: the same rule in every table, figure caption and tile. */

export function formatNumber(value: number): string {
  return numberFormat([value])(value);
}

/** For numbers that stand together, a value and its interval: all with the digits that the largest of them asks for. */
export function numberFormat(together: readonly number[]): (value: number) => string {
  const size = Math.max(...together.filter(Number.isFinite).map(Math.abs), 0);
  const written = (value: number): string => {
    if (size >= 1e5 || size < 1e-3) return value.toExponential(2);
    if (size >= 100) return value.toFixed(0);
    return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 3 : 4);
  };
  return (value) => {
    if (Number.isNaN(value)) return 'n/a';
    if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
    if (value === 0) return '0';
    const text = written(value);
    return Number(text) === 0 ? text.replace('-', '') : text.replaceAll('-', '−');
  };
}

export function formatInteger(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ')
    .replace('-', '−');
}

export function formatPercent(value: number): string {
  return `${(100 * value).toFixed(1).replace('-', '−')} %`;
}

/** Small p-values are bounded, not printed as zero. */
export function formatP(value: number): string {
  return value < 1e-4 ? '< 0.0001' : value.toPrecision(2);
}

export function formatInterval(low: number, high: number, one: (value: number) => string): string {
  return `[${one(low)}, ${one(high)}]`;
}

/** `0.531 [0.412, 0.633]`, or the bare value when there is no interval. */
export function formatMetric(metric: Metric): string {
  const { value, ci_low: low, ci_high: high } = metric;
  if (low === undefined || high === undefined) return formatNumber(value);
  const one = numberFormat([value, low, high]);
  return `${one(value)} ${formatInterval(low, high, one)}`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function formatDollars(dollars: number): string {
  return `$${dollars.toFixed(dollars > 0 && dollars < 0.1 ? 4 : 2)}`;
}
