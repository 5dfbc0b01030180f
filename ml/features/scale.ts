/** Activations as whole numbers from 0 to 10 on one scale for the whole feature: its largest activation anywhere. */
export function scaled(activation: number, max: number): number {
  return max > 0 ? Math.round((10 * Math.max(0, activation)) / max) : 0;
}
