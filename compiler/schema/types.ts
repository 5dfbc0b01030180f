import type { ArtifactType, Json } from '../../store/types.ts';

/** The part of JSON Schema that is used here, references resolved, with the project's own keywords (schemas/README.md). */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: Json;
  examples?: Json[];
  const?: Json;
  enum?: Json[];
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  if?: Schema;
  then?: Schema;
  else?: Schema;
  not?: Schema;
  discriminator?: { propertyName: string };
  'x-artifact'?: ArtifactType | ArtifactType[];
  'x-type'?: 'feedback' | 'metric';
  /** The only kind of feedback that may stand here. */
  'x-feedback'?: 'lexicon';
  'x-path'?: 'file' | 'directory';
  /** The file is run: it must lie where code of the team may lie. */
  'x-code'?: true;
  /** It changes no result, so it is no part of what makes a point new. */
  'x-in-key'?: false;
  'x-secret'?: true;
  /** Name of the shared piece that it comes from. */
  'x-shared'?: string;
}

/** What `schemas/generated/schemas.js` holds. */
export interface Schemas {
  experiment: Schema;
  /** The `with:` of each kind. */
  kinds: Record<string, Schema>;
  feedback: Schema;
}
