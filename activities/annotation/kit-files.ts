/** Files of an `annotation-kit` artifact: what raters get, and what they must not see. */
export const PAGE_FILE = 'kit.html';
export const KEY_FILE = 'items.json';
