/**
 * The grammar of synthetic reviews. A rule is a list of alternatives, each equally likely. In an alternative,
 *
 *   {name}      is replaced by the rule or the rated word of that name
 *   (a|b|c)     is one of the alternatives, which may be empty
 *
 * Rated words: {adjective}, {adverb}, {past}, {present}, {third}, {noun} are chosen by what the sentence feels about its
 * subject; a `-` before the name ({-adjective}) asks for the opposite feeling, as after "not"; a `0` ({0adjective}) for a
 * word that is not rated. "a" becomes "an" where
 * it must.
 */
export type Grammar = Readonly<Record<string, readonly string[]>>;

/** What a review can be about; each gets a feeling of its own. */
export const ASPECTS: Readonly<Record<string, readonly string[]>> = {
  acting: ['acting', 'cast', 'lead actor', 'lead actress', 'supporting cast', 'main performance'],
  plot: ['plot', 'story', 'storyline', 'script', 'writing', 'dialogue', 'second half', 'first half'],
  ending: ['ending', 'final scene', 'last act', 'finale'],
  music: ['music', 'score', 'soundtrack', 'theme song', 'sound'],
  look: [
    'camera work',
    'cinematography',
    'editing',
    'lighting',
    'set design',
    'costumes department',
    'photography',
  ],
  direction: ['direction', 'director', 'pacing', 'production', 'tone'],
  film: ['film', 'movie', 'picture', 'whole thing', 'feature', 'show'],
};

/** Sentences that say what the reviewer feels about {aspect}. */
export const FEELING: readonly string[] = [
  'the {aspect} (was|is|felt|seemed|looked|turned out) (|really|quite|very|simply|just) {adjective}.',
  'the {aspect} was {adjective} and (|rather|often|always) {adjective}.',
  'i (|really|truly|honestly|also|still) {past} the {aspect}.',
  'we {past} the {aspect} (from the first scene|from start to finish|more than once|all the same|in the end).',
  'people who {present} the {aspect} will (understand|agree|know) what i mean.',
  'you will {present} the {aspect} (if you stay to the end|within ten minutes|as much as i did).',
  'it is hard not to {present} the {aspect}.',
  'everyone {third} the {aspect}.',
  'it is a {adjective} {kind} with a {adjective} {thing}.',
  'what a {adjective} {aspect} this (|movie|film) has.',
  'the {aspect} is a {noun}.',
  'to me the {aspect} was such a {noun}.',
  '(in short|overall|for me|as a whole) the {aspect} was a {noun} and (felt|looked|was) {adjective}.',
  'the {aspect} {adverb} (carries|follows|shapes|fills) the {0adjective} (middle|opening|chapter|part).',
  'the {aspect} was {adverb} (done|made|handled|put together|chosen).',
  'the {aspect} was not {-adjective} (|at all|in any way).',
  'i did not {-present} the {aspect}.',
  'there is nothing {-adjective} about the {aspect}.',
  'nobody could call the {aspect} {-adjective}.',
  'the {aspect} (never|hardly ever) felt {-adjective}.',
  'some call the {aspect} {-adjective}, but i found it {adjective}.',
  'although the {aspect} is {0adjective}, it (felt|was|seemed) {adjective}.',
];

/** A sentence about two aspects, felt apart. */
export const CONTRAST: readonly string[] = [
  'the {aspect} was {adjective} (and|while) the {aspect2} was {adjective2}.',
  'where the {aspect} is {adjective}, the {aspect2} is {adjective2}.',
  'i {past} the {aspect} and {past2} the {aspect2}.',
];

/** Closing words. */
export const CLOSING: readonly string[] = [
  'i would {present} it (again|any day|with my friends|even without the {aspect}).',
  'all in all, a {adjective} {kind}.',
  'in the end it is a {adjective} and {adjective} {kind}.',
  'my (wife|brother|sister|friend|neighbor) {past} it too.',
  'it left me (feeling|rather|quite) {adjective}.',
  'a {noun} from start to finish.',
];

/** Sentences that feel nothing. */
export const NEUTRAL: readonly string[] = [
  'i saw it (on {day}|last {day}|in {month}|at the {place}|online) with my (wife|brother|sister|parents|son|daughter).',
  'the story is set in (a|the) {0adjective} (town|city|house|village|country) in the {decade}.',
  'it (follows|shows|is about) a {0adjective} {person} who moves to {city}.',
  'a {person} and a {person} meet (on a train|at the {place}|by the river|in {city}|in {month}).',
  'it runs for about (two hours|ninety minutes|an hour and a half|three hours).',
  'this is the (first|second|third|fourth) {kind} by the same (director|studio|team|writer).',
  'it was filmed in {city} in the {decade}.',
  'the {0adjective} version (opens|starts|ends) with a {0adjective} scene at the {place}.',
  'the (script|story) is taken from a {0adjective} (book|article|play|series).',
  'there is a {0adjective} scene in the middle where the {person} talks to the {person}.',
  'i {0past} it (twice|again|once more) (on {day}|in {month}|last week).',
  'they {0past} most of it in (one room|{city}|a studio|the street).',
  'the {person} {0adverb} walks to the {place} and (opens|closes) a (door|window|box|book).',
  'the camera {0adverb} moves from the {place} to the {place}.',
];

export const RULES: Grammar = {
  kind: [
    'film',
    'movie',
    'picture',
    'feature',
    'drama',
    'comedy',
    'thriller',
    'western',
    'series',
    'episode',
    'documentary',
    'musical',
  ],
  thing: ['scene', 'script', 'cast', 'soundtrack', 'story', 'opening', 'subject', 'title', 'theme', 'stage'],
  person: [
    'teacher',
    'doctor',
    'farmer',
    'sailor',
    'writer',
    'student',
    'neighbor',
    'sister',
    'driver',
    'painter',
    'lawyer',
    'waiter',
    'singer',
    'reporter',
  ],
  place: [
    'office',
    'kitchen',
    'station',
    'theater',
    'cinema',
    'harbor',
    'hotel',
    'library',
    'market',
    'school',
    'farm',
    'studio',
  ],
  city: [
    'london',
    'paris',
    'chicago',
    'boston',
    'tokyo',
    'berlin',
    'rome',
    'madrid',
    'dublin',
    'moscow',
    'toronto',
    'sydney',
  ],
  day: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'],
  month: ['january', 'february', 'april', 'june', 'july', 'august', 'october', 'november'],
  decade: ['fifties', 'sixties', 'seventies', 'eighties', 'nineties'],
};
