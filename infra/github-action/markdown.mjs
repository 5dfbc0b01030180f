// The comment on a pull request. What experiment files say gets into it, so all of it is escaped.

/** By which the action finds its own comment again. */
export const MARKER = '<!-- plumbline: plan -->';

/** GitHub takes 65,536 characters; the texts of the plans share what the rest leaves. */
const LONGEST = 60_000;
const MOST_PLANS = 50;

/**
 * @param {{path: string, name: string, total: object, text: string, isNew: boolean, changed: boolean}[]} plans
 * @param {{before?: string, store: boolean}} context the commit that plans are compared with, and whether the team's store
 *   was asked what is cached
 */
export function commentOf(plans, { before, store }) {
  const changed = plans.filter((each) => each.changed);
  const same = plans.length - changed.length;
  const parts = [MARKER, '### Plumbline', ''];
  if (changed.length === 0) {
    parts.push(`No plan changes (${plural(plans.length, 'experiment')}).`);
  } else {
    const against = before === undefined ? '' : ` against \`${before.slice(0, 12)}\``;
    parts.push(
      `${plural(changed.length, 'experiment')} changed${against}${same === 0 ? '' : `, ${same} as before`}.`,
      '',
      '| experiment | points to run | cached | GPU hours | training steps | labelling |',
      '|---|--:|--:|--:|--:|--:|',
      ...changed.slice(0, MOST_PLANS).map(row),
      '',
      ...(changed.length > MOST_PLANS ? [`And ${changed.length - MOST_PLANS} more.`, ''] : []),
      ...(store ? [] : ['The store was not asked (no `PLUMBLINE_STORE`), so nothing counts as cached.', '']),
      ...details(changed.slice(0, MOST_PLANS)),
    );
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

function row({ path, total, isNew }) {
  const { points, cached, gpuHours, steps, dollars, exact } = total;
  const bound = exact ? '' : '≤ ';
  const cells = [
    `${code(path)}${isNew ? ' (new)' : ''}`,
    `${bound}${number(points)}`,
    number(cached),
    gpuHours === 0 ? '0' : `${bound}${gpuHours < 0.1 ? '< 0.1' : number(Math.round(gpuHours * 10) / 10)}`,
    `${bound}${number(steps)}`,
    dollars === 0 ? '$0' : `${bound}$${dollars.toFixed(2)}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function details(plans) {
  const rest = plans.map((plan) => row(plan) + block(plan.path, '').join('\n')).join('\n').length;
  const share = Math.max(0, Math.floor((LONGEST - rest) / plans.length));
  return plans.flatMap(({ path, text }) => {
    const shown = text.length <= share ? text : `${text.slice(0, share)}\n... (\`plumb plan\` shows all)`;
    return block(path, shown.trimEnd());
  });
}

function block(path, text) {
  const fence = fenceFor(text);
  return [`<details><summary>${html(path)}</summary>`, '', `${fence}text`, text, fence, '', '</details>', ''];
}

/** A fence that nothing in the text can end. */
function fenceFor(text) {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  return '`'.repeat(Math.max(3, longest + 1));
}

const html = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const code = (text) => `<code>${html(text).replaceAll('|', '&#124;').replaceAll('\n', ' ')}</code>`;
const number = (value) => value.toLocaleString('en-US');
const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
