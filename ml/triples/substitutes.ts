/**
 * Words that can stand in each other's place, by part of speech: in such a place each word of a class is grammatical, and
 * what changes is the sentiment. Only the classes are ours: whether a word is positive, negative or neutral is looked up in
 * the feedback's lexicon (a word that it does not rate is no positive or negative word; a neutral word that it does rate is
 * no neutral word).
 */
export interface WordClass {
  name: string;
  /** Liked or disliked words; which of the two the lexicon says. */
  rated: readonly string[];
  neutral: readonly string[];
  /** Only after one of these words is a place of this class recognised; absent: after any word. */
  after?: ReadonlySet<string>;
}

const list = (text: string): string[] => text.trim().split(/\s+/);

const SUBJECTS =
  list(`i you we they he she it who that which people everyone everybody critics fans audiences viewers
  really also always never still actually truly honestly genuinely`);

const ADJECTIVES: WordClass = {
  name: 'adjective',
  rated: list(`
    acceptable accomplished adorable amazing amusing attractive awesome beautiful beloved bold brave breathtaking bright
    brilliant charming cheerful clever comforting compelling convincing creative cute daring delicious delightful dynamic
    effective elegant engaging enjoyable entertaining excellent exciting fabulous faithful fantastic fascinating flawless
    fresh friendly funny generous gentle glorious good gorgeous graceful grand great happy harmless heartwarming helpful
    heroic hilarious honest hopeful humorous impressive innocent innovative inspiring intelligent interesting joyful joyous
    lively lovable lovely magnificent marvelous nice noble original outstanding passionate peaceful perfect playful pleasant
    pleasing popular positive powerful precious promising relaxing remarkable respectable rewarding romantic satisfying sexy
    sincere smart solid special splendid strong stunning successful super superb superior supportive sweet talented terrific
    thoughtful thrilling triumphant useful valuable vibrant warm wise wonderful worthwhile worthy
    abusive aggressive alarming angry annoying appalling arrogant awful awkward bad bizarre boring brutal confusing
    controversial cowardly crappy crazy criminal cruel cynical dangerous depressing desperate dire dirty disappointing
    disastrous disgusting dismal distressing disturbing dodgy dreadful dreary dull dumb embarrassing empty evil exhausting
    fake faulty feeble foolish forced frightening frustrating gloomy greedy grim gross guilty hateful heartless hellish
    hopeless horrendous horrible horrid horrific horrifying hostile humiliating hurtful idiotic ignorant inadequate
    incompetent inferior insane insipid insulting irrational irresponsible irritating lame lazy lonely lousy ludicrous mad
    messy mindless miserable mistaken moronic nasty negative obnoxious obscene offensive outrageous painful pathetic
    perverted poor problematic repetitive ridiculous rotten rude sad scary selfish shameful shocking sick sinister stupid
    suspicious terrible terrifying tragic trite troubling ugly unacceptable uncomfortable unfair unfortunate unhappy
    unimpressive unpleasant useless vague vain vicious vile violent weak weird wicked woeful worthless wrong`),
  neutral: list(`
    actual african american ancient annual asian average australian big black brief british brown canadian common
    contemporary current daily digital domestic double early eastern electric english entire european extended familiar
    female former french full general german imported indian initial international irish italian japanese korean large late
    lengthy literary local long male medium mexican military modern monthly musical narrow national northern numbered old
    online ordinary outdoor overall physical political previous public quick quiet recent red regular russian scientific
    short silent similar simple small southern spanish standard swedish technical temporary thick thin tiny total
    traditional typical unedited urban usual visual weekly western wide yearly yellow young`),
};

const ADVERBS: WordClass = {
  name: 'adverb',
  rated: list(`
    amusingly beautifully bravely brightly brilliantly charmingly cleverly comfortably convincingly creatively delightfully
    eagerly effectively elegantly excellently faithfully gently gladly gracefully happily impressively interestingly kindly
    lovingly magnificently neatly nicely passionately peacefully perfectly playfully pleasantly sincerely smartly
    splendidly successfully sweetly tenderly thoughtfully triumphantly warmly wisely wonderfully
    aggressively angrily awkwardly badly brutally carelessly cruelly dangerously desperately disappointingly dreadfully
    dully foolishly grimly helplessly hopelessly horribly lamely miserably nastily nervously painfully pathetically
    ridiculously rudely sadly shamefully stupidly terribly tragically uncomfortably unhappily violently weakly wickedly`),
  neutral: list(`
    actually annually briefly constantly currently daily digitally early electronically formally frequently gradually
    immediately initially lately locally monthly nightly occasionally officially openly physically previously privately
    publicly quickly quietly rapidly rarely recently regularly repeatedly separately silently slowly steadily suddenly
    technically traditionally twice usually visually weekly`),
};

const VERBS_PAST: WordClass = {
  name: 'verb, past tense',
  rated: list(`
    admired adored appreciated approved celebrated cherished enjoyed favored honored liked loved praised recommended
    respected saved supported thanked treasured trusted valued welcomed
    abandoned attacked avoided criticized damaged despised destroyed disliked dreaded feared hated ignored insulted loathed
    mocked murdered offended regretted rejected resented ridiculed ruined wasted`),
  neutral: list(`
    added ended entered filmed finished followed heard included mentioned moved named noticed opened produced read recorded
    remembered rented reported saw studied taped used viewed visited watched`),
  after: new Set(SUBJECTS),
};

const VERBS_PRESENT: WordClass = {
  name: 'verb, present tense or infinitive',
  rated: list(`
    admire adore appreciate celebrate cherish embrace enjoy favor honor love praise recommend respect support thank treasure
    trust value welcome
    abandon abuse attack avoid criticize damage despise destroy dislike dread fear hate ignore insult loathe mock murder
    offend regret reject resent ridicule ruin waste`),
  neutral: list(`
    add describe enter film finish follow hear include mention move name notice open produce read record remember rent
    report see study tape use view visit watch`),
  after: new Set([
    ...list(`to i you we they who people everyone will would can could should might may must do did don't didn't won't
      wouldn't can't couldn't not never really always still also actually truly honestly genuinely`),
  ]),
};

const VERBS_THIRD_PERSON: WordClass = {
  name: 'verb, third person',
  rated: list(`
    admires adores appreciates celebrates cherishes enjoys honors loves praises recommends respects supports thanks treasures
    trusts values welcomes
    abandons abuses attacks avoids damages despises destroys dislikes dreads fears hates ignores insults loathes mocks murders
    offends regrets rejects resents ruins`),
  neutral: list(`
    adds describes enters films finishes follows hears includes mentions moves names notices opens produces reads records
    remembers rents reports sees studies tapes uses views visits watches`),
  after: new Set(
    list('he she it who which everyone everybody nobody really also always never still actually truly'),
  ),
};

const NOUNS: WordClass = {
  name: 'noun, singular and countable',
  rated: list(`
    adventure beauty blessing champion charm comfort delight dream friend gift hero hope inspiration joy marvel masterpiece
    miracle opportunity paradise passion pleasure prize relief romance satisfaction smile success surprise sweetheart talent
    thrill treasure treat triumph winner
    annoyance assault betrayal burden catastrophe conspiracy crime crisis danger defeat disappointment disaster disgrace
    embarrassment enemy error evil failure fiasco fool fraud hell horror idiot insult loser mess misery mistake murder pain
    pity problem ruin scandal scam shame shock threat torture tragedy victim villain waste weakness wreck`),
  neutral: list(`
    actor adaptation animal article book box camera chapter character clip company couple country documentary door episode
    feature film format house interview journey kitchen letter location man meeting minute moment movie narrator neighbor
    office page period person photograph picture place portrait process production program project remake report role room
    scene script segment sequel series session show sister soundtrack stage station story studio subject summary table team
    text theme title topic town trailer train version video viewer visit voice week window writer year`),
  after: new Set(list('a an the this that such real total complete absolute')),
};

export const WORD_CLASSES: readonly WordClass[] = [
  ADJECTIVES,
  ADVERBS,
  VERBS_PAST,
  VERBS_PRESENT,
  VERBS_THIRD_PERSON,
  NOUNS,
];
