const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** IEEE 754 binary16 nearest to a number, ties to even; beyond 65504 infinity. */
export function halfOf(value: number): number {
  float[0] = value;
  const single = bits[0]!;
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x38800000) {
    // Below 2^-14: multiples of 2^-24.
    return sign | roundHalfEven(Math.abs(value) * 2 ** 24);
  }
  // Rounds away 13 bits of the fraction; a carry raises the exponent, at the end to infinity.
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

function roundHalfEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

export const halvesOf = (values: Float32Array): Uint16Array => Uint16Array.from(values, halfOf);
