import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/**
 * What runs can be searched by in the web UI, such as `ExperimentName = "quickstart" and BestMetric > 0.3`. The first four
 * are set when a run is started.
 */
export const EXPERIMENT_NAME = defineSearchAttributeKey('ExperimentName', SearchAttributeType.KEYWORD);
export const SPEC_DIGEST = defineSearchAttributeKey('SpecDigest', SearchAttributeType.KEYWORD);
export const GIT_COMMIT = defineSearchAttributeKey('GitCommit', SearchAttributeType.KEYWORD);
export const TEAM = defineSearchAttributeKey('Team', SearchAttributeType.KEYWORD);
/** The stage whose step started last. */
export const STAGE = defineSearchAttributeKey('Stage', SearchAttributeType.KEYWORD);
/** The number that the spec's first expectation is about, once it is known. */
export const BEST_METRIC = defineSearchAttributeKey('BestMetric', SearchAttributeType.DOUBLE);

/** Name -> type, as the server's registration wants them. */
export const SEARCH_ATTRIBUTES = {
  [EXPERIMENT_NAME.name]: 'Keyword',
  [SPEC_DIGEST.name]: 'Keyword',
  [GIT_COMMIT.name]: 'Keyword',
  [TEAM.name]: 'Keyword',
  [STAGE.name]: 'Keyword',
  [BEST_METRIC.name]: 'Double',
} as const;
