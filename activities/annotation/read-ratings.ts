import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parse } from 'csv-parse/sync';
import { ComputeError } from '../../ml/failure.ts';
import type { Question, Rating } from '../../ml/features/annotation/types.ts';
import { type LabelStudioTask, labelStudioRatings } from './label-studio.ts';

export interface RatingsFile {
  ratings: Rating[];
  /** The kit that they belong to; absent: the file has the questions itself. */
  kit?: string;
  questions?: Question[];
}

/** What `kit.html` saves as JSON. */
interface KitRatings {
  format: 'plumbline-ratings';
  kit: string;
  rater: string;
  ratings: { item: string; choice: number; seconds?: number }[];
}

/**
 * Ratings from a file: what a kit saves (JSON or CSV), or the JSON that Label Studio exports.
 * @throws ComputeError bad-data that names the file and the place
 */
export async function readRatings(path: string): Promise<RatingsFile> {
  const name = basename(path);
  const text = await readFile(path, 'utf8');
  if (!/^\s*[[{]/.test(text)) return fromCsv(text, name);
  let content: KitRatings | LabelStudioTask[];
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw unreadable(name, `it is not JSON: ${(error as Error).message}`);
  }
  if (Array.isArray(content)) return labelStudioRatings(content, name);
  if (content.format !== 'plumbline-ratings' || !Array.isArray(content.ratings))
    throw unreadable(name, 'it is neither what a kit saves nor an export of Label Studio');
  const rater = nameOf(content.rater, name);
  return {
    kit: content.kit,
    ratings: content.ratings.map((rating, i) => checked({ ...rating, rater }, `${name}, rating ${i + 1}`)),
  };
}

function fromCsv(text: string, name: string): RatingsFile {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    throw unreadable(name, (error as Error).message);
  }
  const kits = new Set(rows.map(({ kit }) => kit));
  const [kit] = kits;
  if (kits.size !== 1 || !kit)
    throw unreadable(name, 'its column `kit` must hold the id of one kit in every row');
  return {
    kit,
    ratings: rows.map((row, i) => {
      const place = `${name}, row ${i + 2}`;
      const rating = { rater: nameOf(row.rater, place), item: row.item ?? '', choice: Number(row.choice) };
      return checked(row.seconds ? { ...rating, seconds: Number(row.seconds) } : rating, place);
    }),
  };
}

function nameOf(rater: unknown, place: string): string {
  if (typeof rater === 'string' && rater.trim() !== '') return rater.trim();
  throw unreadable(place, 'the name of the rater is missing');
}

function checked({ rater, item, choice, seconds }: Rating, place: string): Rating {
  if (typeof item !== 'string' || item === '') throw unreadable(place, 'its `item` is missing');
  if (!(Number.isInteger(choice) && choice >= 1))
    throw unreadable(place, `its \`choice\` is ${choice}, not a whole number from 1`);
  return { rater, item, choice, ...(typeof seconds === 'number' && seconds > 0 && { seconds }) };
}

const unreadable = (place: string, why: string) =>
  new ComputeError('bad-data', `Ratings cannot be read from ${place}: ${why}`, {
    hint: 'give under `ratings` the files that raters saved from the kit, unchanged',
  });
