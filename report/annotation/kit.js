// What runs in the page that raters open (page.ts puts it there, by its hash). It asks nothing of any network, and sets
// text as text: nothing of an item is ever read as markup.
(() => {
  const kit = JSON.parse(document.getElementById('kit').textContent);
  const byId = (id) => document.getElementById(id);
  const main = byId('item');
  const storageKey = (rater) => `plumbline-annotation/${kit.id}/${rater}`;
  const LAST_RATER = `plumbline-annotation/${kit.id}`;

  let rater = '';
  /** item id -> { choice, seconds } */
  let ratings = {};
  let at = 0;
  let shownSince = 0;

  /** Storage may be off or full: then the page says so and goes on, and saving the file is what keeps the work. */
  function stored(act) {
    try {
      return act(window.localStorage);
    } catch {
      byId('storage').hidden = false;
      return null;
    }
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function excerpt({ tokens, levels }) {
    const line = element('p', 'excerpt');
    // Tokens of byte-pair encodings bring their spaces; those of word lists have none.
    const ownSpaces = tokens.some((token) => token.startsWith(' '));
    tokens.forEach((token, i) => {
      const level = Math.max(0, Math.min(10, Math.round(Number(levels[i]) || 0)));
      const word = ownSpaces || i === 0 ? token : ` ${token}`;
      if (level === 0) {
        line.append(word);
        return;
      }
      if (word.startsWith(' ')) line.append(' ');
      const mark = element('mark', `level-${level}`, word.trimStart());
      mark.title = `${level} of 10`;
      line.append(mark);
    });
    return line;
  }

  function choiceButton(item, choice, text) {
    const button = element('button', 'choice');
    button.type = 'button';
    button.setAttribute('aria-pressed', String(ratings[item.id]?.choice === choice));
    button.append(element('kbd', '', String(choice)), element('span', '', text));
    button.addEventListener('click', () => choose(choice));
    return button;
  }

  function show() {
    const item = kit.items[at];
    main.replaceChildren(
      element('h2', '', `Item ${at + 1} of ${kit.items.length}`),
      ...item.excerpts.map(excerpt),
      element('h3', '', 'What does the feature respond to?'),
      ...item.options.map((text, i) => choiceButton(item, i + 1, text)),
      choiceButton(item, item.options.length + 1, 'None of the above'),
    );
    shownSince = performance.now();
    progress();
  }

  function progress() {
    const done = Object.keys(ratings).length;
    byId('done').textContent = `${done} of ${kit.items.length} answered`;
    byId('bar').value = done;
    byId('bar').max = kit.items.length;
    byId('finished').hidden = done < kit.items.length;
    byId('previous').disabled = at === 0;
    byId('next').disabled = at === kit.items.length - 1;
  }

  function choose(choice) {
    const item = kit.items[at];
    if (choice < 1 || choice > item.options.length + 1) return;
    const seconds = (ratings[item.id]?.seconds ?? 0) + (performance.now() - shownSince) / 1000;
    ratings[item.id] = { choice, seconds: Math.round(seconds * 10) / 10 };
    keep();
    if (at < kit.items.length - 1) go(1);
    else show();
  }

  function go(by) {
    const next = Math.max(0, Math.min(kit.items.length - 1, at + by));
    if (next === at) return;
    at = next;
    keep();
    show();
  }

  function keep() {
    stored((storage) => storage.setItem(storageKey(rater), JSON.stringify({ ratings, at })));
  }

  /** Only what this kit asks is taken up again: storage is anybody's. */
  function restore(text) {
    const known = new Map(kit.items.map((item) => [item.id, item.options.length + 1]));
    ratings = {};
    at = 0;
    let kept;
    try {
      kept = JSON.parse(text ?? '{}');
    } catch {
      return;
    }
    for (const [id, rating] of Object.entries(kept.ratings ?? {})) {
      if (Number.isInteger(rating?.choice) && rating.choice >= 1 && rating.choice <= (known.get(id) ?? 0))
        ratings[id] = { choice: rating.choice, seconds: Number(rating.seconds) || 0 };
    }
    if (Number.isInteger(kept.at) && kept.at >= 0 && kept.at < kit.items.length) at = kept.at;
  }

  function begin(name) {
    rater = name;
    stored((storage) => storage.setItem(LAST_RATER, rater));
    restore(stored((storage) => storage.getItem(storageKey(rater))));
    byId('who').textContent = rater;
    byId('start').hidden = true;
    byId('work').hidden = false;
    show();
  }

  const rows = () =>
    kit.items.flatMap((item) => (ratings[item.id] ? [{ item: item.id, ...ratings[item.id] }] : []));

  function asJson() {
    return `${JSON.stringify({ format: 'plumbline-ratings', kit: kit.id, rater, ratings: rows() }, null, 1)}\n`;
  }

  function asCsv() {
    const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const lines = rows().map(({ item, choice, seconds }) =>
      [kit.id, rater, item, String(choice), String(seconds)].map(cell).join(','),
    );
    return `${['kit,rater,item,choice,seconds', ...lines].join('\n')}\n`;
  }

  function save(text, type, ending) {
    const link = element('a');
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `ratings-${rater.replace(/[^\p{L}\p{N}_-]+/gu, '-')}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  byId('start').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = byId('rater').value.trim();
    if (name !== '') begin(name);
  });
  byId('previous').addEventListener('click', () => go(-1));
  byId('next').addEventListener('click', () => go(1));
  byId('save-json').addEventListener('click', () => save(asJson(), 'application/json', 'json'));
  byId('save-csv').addEventListener('click', () => save(asCsv(), 'text/csv', 'csv'));
  document.addEventListener('keydown', (event) => {
    if (byId('work').hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^[1-9]$/.test(event.key)) choose(Number(event.key));
    else if (event.key === '0') choose(kit.items[at].options.length + 1);
    else if (event.key === 'ArrowLeft') go(-1);
    else if (event.key === 'ArrowRight') go(1);
    else return;
    event.preventDefault();
  });
  byId('rater').value = stored((storage) => storage.getItem(LAST_RATER)) ?? '';
})();
