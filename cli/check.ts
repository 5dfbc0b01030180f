/** The part of `plumb` that runs from a code cache (code-cache.ts): built as one CommonJS file of its own. */
export { validate } from './commands/validate.ts';
