import type { Job } from '../compute/types.ts';
import { checkFailures } from '../labeling/labeller.ts';
import type { PaidClientSettings } from '../labeling/paid-client.ts';
import { openRewriter, type Proposal } from '../labeling/rewriter.ts';
import { contrastSlots } from '../ml/data/synthetic-reviews/contrasts.ts';
import { stream } from '../ml/random/stream.ts';
import type { Lexicon } from '../ml/rewards/lexicon.ts';
import { strongWords } from '../ml/triples/published-places.ts';
import {
  askingOrder,
  REFUSALS,
  type RewritablePlace,
  rewritablePlaces,
  slotOfSubstitutes,
} from '../ml/triples/rewriting.ts';
import { slotsOfTexts } from '../ml/triples/substitution.ts';
import type { Slot } from '../ml/triples/types.ts';
import type { TriplesBuildParameters } from '../schemas/generated/parameters.ts';
import { labelAll } from './labeller.ts';

/** Places that triples can be made of, and what was thrown away on the way to them. */
export interface Places {
  slots: Slot[];
  /** Documents that they may be in: 0 .. documents-1. */
  documents: number;
  /** Rated words with nothing before them in their sentence. */
  withoutContext: number;
  /** Of proposals by a language model: what was thrown away, by reason. */
  refused: { reason: string; count: number }[];
  dollars: number;
}

/** Of the places of templates some are not used: no word of their fold fits. */
const TEMPLATES_A_TRIPLE = 2;

export async function openPlaces(
  params: TriplesBuildParameters,
  texts: readonly string[],
  lexicon: Lexicon,
  job: Job,
): Promise<Places> {
  const nothing = { documents: texts.length, withoutContext: 0, refused: [], dollars: 0 };
  const values = [...lexicon.entries()].map(([, value]) => value);
  const published = params.protocol === 'faithful' ? strongWords(values) : null;
  switch (params.construction) {
    case 'substitution':
      return { ...nothing, ...slotsOfTexts(texts, lexicon, published) };
    case 'templates': {
      const documents = TEMPLATES_A_TRIPLE * params.limit;
      return {
        ...nothing,
        documents,
        slots: contrastSlots(documents, lexicon, stream(job.seed, 'triples/templates')),
      };
    }
    case 'rewriting':
      return {
        ...nothing,
        ...(await rewritten(params, rewritablePlaces(texts, lexicon, published), lexicon, job)),
      };
  }
}

/** Asks a language model about as many places as there may be triples. Draws from the stream `triples/rewriting`. */
async function rewritten(
  params: TriplesBuildParameters,
  places: readonly RewritablePlace[],
  lexicon: Lexicon,
  job: Job,
): Promise<Pick<Places, 'slots' | 'refused' | 'dollars'>> {
  const permutation = stream(job.seed, 'triples/rewriting').permutation(places.length);
  const asked = askingOrder(places, permutation, params['per-document']).slice(0, params.limit);
  job.log(`${asked.length} of ${places.length} places are asked about`);
  const rewriter = openRewriter(params.labeller as PaidClientSettings, params.candidates, job, process.env, {
    field: 'labeller',
    ledger: 'ledger.jsonl',
  });
  try {
    const proposals = await labelAll(job, asked, (place): Promise<Proposal> => rewriter.substitutes(place));
    checkFailures(proposals, params['max-failed'], 'questions for words');
    const counts = new Map<string, number>(REFUSALS.map((reason) => [reason, 0]));
    const slots = proposals.flatMap((proposal, i): Slot[] => {
      if (proposal.status === 'failed') return [];
      const { slot, refused } = slotOfSubstitutes(asked[i] as RewritablePlace, proposal.words, lexicon);
      for (const reason of REFUSALS) counts.set(reason, (counts.get(reason) as number) + refused[reason]);
      return [slot];
    });
    return {
      slots,
      refused: [
        { reason: 'question failed', count: asked.length - slots.length },
        ...[...counts].map(([reason, count]) => ({ reason: `proposed word: ${reason}`, count })),
      ],
      dollars: rewriter.dollars(),
    };
  } finally {
    rewriter.close();
  }
}
