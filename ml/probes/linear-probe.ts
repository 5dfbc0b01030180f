import { type Matrix, times } from './algebra/matrix.ts';

/** What every probe here is in the end: prediction = coefficients . x + intercept. */
export interface LinearProbe {
  /** One a feature [F]. */
  coefficients: Float64Array;
  intercept: number;
}

/** One prediction a row: a value for regressions, log-odds for classifiers. */
export function predict(probe: LinearProbe, X: Matrix): Float64Array {
  if (X.columns !== probe.coefficients.length) {
    throw new RangeError(`predict: ${X.columns} features for a probe of ${probe.coefficients.length}`);
  }
  const out = times(X, probe.coefficients);
  for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + probe.intercept;
  return out;
}
