import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../store/canonical.ts';
import type { Json } from '../../store/types.ts';

describe('canonical JSON', () => {
  test('is that of RFC 8785, section 3.2.2 and appendix', () => {
    const value = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    const keys = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
    expect(Object.keys(JSON.parse(canonicalJson(keys))).join()).toBe(
      ['1', '\r', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'].join(),
    );
    expect(canonicalJson(-0)).toBe('0');
  });

  test('does not depend on the order of keys and reads back to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(value as Json);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(JSON.parse(text)))).toBe(text);
      }),
    );
  });

  test.each<[string, unknown, RegExp]>([
    ['undefined', { a: [undefined] }, /^\$\.a\[0\]: undefined/],
    ['NaN', { a: Number.NaN }, /^\$\.a: NaN/],
    ['infinity', [Number.POSITIVE_INFINITY], /^\$\[0\]: Infinity/],
    ['a Map', { a: new Map() }, /^\$\.a: a Map/],
    ['a Date', { a: new Date(0) }, /^\$\.a: a Date/],
    ['a hole', Array(1), /^\$\[0\]: undefined/],
    ['half a character', 'x\ud800', /lone surrogate/],
    ['a key with half a character', { '\udc00': 1 }, /lone surrogate/],
  ])('refuses %s, saying where', (_what, value, message) => {
    expect(() => canonicalJson(value as Json)).toThrow(message);
  });
});

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
