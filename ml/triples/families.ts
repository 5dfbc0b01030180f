/**
 * Words that share their first four letters count as one family ("love", "loved", "lovely"): what a probe learns of one may
 * carry over to another by spelling or by stem, so a family is never split, and it is the unit of which n counts and which
 * the bootstrap draws. Too coarse rather than too fine: "terrible" and "terrific" are kept together without need.
 */
export function familyOf(word: string): string {
  return word.toLowerCase().slice(0, 4);
}
