/**
 * The standard normal distribution in double precision.
 *
 * CDF: erfc by the rational approximations of W. J. Cody, "Rational Chebyshev Approximation for the Error Function"
 * (Math. Comp. 23, 1969), as in Netlib's CALERF: relative error below 1e-15, also far out in the tails.
 * Quantile: M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution" (PPND16, 1988).
 */

const ERF_A = [
  3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694, 0.18577770618460315,
];
const ERF_B = [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171];
const ERFC_C = [
  0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769,
  1712.0476126340707, 2051.0783778260716, 1230.3393547979972, 2.1531153547440383e-8,
];
const ERFC_D = [
  15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
  4362.619090143247, 3439.3676741437216, 1230.3393548037495,
];
const ERFC_P = [
  0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
  0.016315387137302097,
];
const ERFC_Q = [
  2.568520192289822, 1.8729528499234604, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
];

const at = (table: readonly number[], i: number) => table[i] as number;

/** exp(-y^2) without the rounding error of y^2. */
function expMinusSquare(y: number): number {
  const coarse = Math.trunc(y * 16) / 16;
  return Math.exp(-coarse * coarse) * Math.exp(-(y - coarse) * (y + coarse));
}

/** The complementary error function. */
export function erfc(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) {
    const square = y > 1.11e-16 ? y * y : 0;
    let top = at(ERF_A, 4) * square;
    let bottom = square;
    for (let i = 0; i < 3; i++) {
      top = (top + at(ERF_A, i)) * square;
      bottom = (bottom + at(ERF_B, i)) * square;
    }
    return 1 - (x * (top + at(ERF_A, 3))) / (bottom + at(ERF_B, 3));
  }
  let result: number;
  if (y <= 4) {
    let top = at(ERFC_C, 8) * y;
    let bottom = y;
    for (let i = 0; i < 7; i++) {
      top = (top + at(ERFC_C, i)) * y;
      bottom = (bottom + at(ERFC_D, i)) * y;
    }
    result = expMinusSquare(y) * ((top + at(ERFC_C, 7)) / (bottom + at(ERFC_D, 7)));
  } else if (y < 26.6) {
    const inverse = 1 / (y * y);
    let top = at(ERFC_P, 5) * inverse;
    let bottom = inverse;
    for (let i = 0; i < 4; i++) {
      top = (top + at(ERFC_P, i)) * inverse;
      bottom = (bottom + at(ERFC_Q, i)) * inverse;
    }
    const tail = (inverse * (top + at(ERFC_P, 4))) / (bottom + at(ERFC_Q, 4));
    result = (expMinusSquare(y) / y) * (0.5641895835477563 - tail);
  } else {
    result = 0;
  }
  return x < 0 ? 2 - result : result;
}

/** P(Z <= z). */
export function normalCdf(z: number): number {
  return erfc(-z * Math.SQRT1_2) / 2;
}

/** P(|Z| >= |z|): the two-sided p-value of a standard score. */
export function normalTwoSided(z: number): number {
  return erfc(Math.abs(z) * Math.SQRT1_2);
}

const CENTRE_A = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
  67265.7709270087, 33430.57558358813, 2509.0809287301227,
];
const CENTRE_B = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
  28729.085735721943, 5226.495278852546,
];
const NEAR_C = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
  0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
];
const NEAR_D = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
  0.0005475938084995345, 1.0507500716444169e-9,
];
const FAR_E = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
  0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
];
const FAR_F = [
  1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
  1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
];

function polynomial(table: readonly number[], x: number): number {
  let sum = 0;
  for (let i = table.length - 1; i >= 0; i--) sum = sum * x + at(table, i);
  return sum;
}

/** The z with P(Z <= z) = p; -Infinity and Infinity at 0 and 1. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`normalQuantile: p = ${p} is not in [0, 1]`);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE_A, r)) / polynomial(CENTRE_B, r);
  }
  const tail = q < 0 ? p : 1 - p;
  if (tail === 0) return q < 0 ? -Infinity : Infinity;
  const r = Math.sqrt(-Math.log(tail));
  const z =
    r <= 5
      ? polynomial(NEAR_C, r - 1.6) / polynomial(NEAR_D, r - 1.6)
      : polynomial(FAR_E, r - 5) / polynomial(FAR_F, r - 5);
  return q < 0 ? -z : z;
}
