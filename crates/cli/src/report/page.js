'use strict';
// Errors are counted on the page, so that a test can see that there is none.
document.body.dataset.errors = 0;
window.addEventListener('error', (e) => {
  document.body.dataset.errors = Number(document.body.dataset.errors) + 1;
  document.body.dataset.error = e.message;
});
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

// Nothing is put into the page as markup: words of a text may be anything.
function make(tag, attributes, ...inside) {
  const it = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) it.setAttribute(key, value);
  it.append(...inside);
  return it;
}
function draw(tag, attributes, text) {
  const it = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes || {})) it.setAttribute(key, value);
  if (text !== undefined) it.textContent = text;
  return it;
}
const color = (at) => `var(--c${at % 6})`;
function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (n >= 1024 && at < 4) { n /= 1024; at += 1; }
  return `${at === 0 ? n : n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0)} ${units[at]}`;
}
function time(s) {
  if (s < 1) return `${(s * 1000).toFixed(0)} ms`;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.round(s % 3600 / 60)} min`;
}
function count(n) {
  if (n < 1e4) return String(Math.round(n));
  const [size, unit] = n < 1e6 ? [1e3, 'k'] : n < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
  const value = n / size;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}
function short(x) {
  const [size, unit] = Math.abs(x) < 1e3 ? [1, ''] : Math.abs(x) < 1e6 ? [1e3, ' k'] : Math.abs(x) < 1e9 ? [1e6, ' M'] : [1e9, ' G'];
  return `${Number((x / size).toPrecision(3))}${unit}`;
}

// A plot with axes; `log` says which are logarithmic.
function plot(title, { x, y, log = [false, false], labels, height = 230, floor = false }, body) {
  const W = 380, H = height, T = 10, B = 36;
  const to = (v, at) => log[at] ? Math.log10(Math.max(v, 1e-12)) : v;
  const span = (values, at) => {
    let low = Math.min(...values.map((v) => to(v, at))), high = Math.max(...values.map((v) => to(v, at)));
    if (floor && at === 1 && !log[1]) low = 0;
    if (!(high > low)) { high = low + 1; }
    const air = at === 1 && !floor ? (high - low) * 0.06 : 0;
    return [low - air, high + air];
  };
  const [x0, x1] = span(x, 0), [y0, y1] = span(y, 1);
  const ticks = (low, high, logarithmic, whole) => {
    if (logarithmic) {
      const step = Math.max(1, Math.ceil((high - low) / 5));
      const all = [];
      for (let p = Math.ceil(low); p <= high + 1e-9; p += step) all.push(10 ** p);
      return all;
    }
    const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
    let step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= rough);
    if (whole) step = Math.max(1, Math.round(step));
    const all = [];
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) all.push(v);
    return all;
  };
  const xTicks = ticks(x0, x1, log[0], labels[2]), yTicks = ticks(y0, y1, log[1]);
  // A digit is about 6 units wide; labels below the ends of the axis need half of their width beside it.
  const wide = (values) => Math.max(0, ...values.map((v) => 6.2 * short(v).length));
  const L = 26 + wide(yTicks), R = Math.max(10, wide(xTicks.slice(-1)) / 2 + 2);
  const px = (v) => L + (to(v, 0) - x0) / (x1 - x0) * (W - L - R);
  const py = (v) => H - B - (to(v, 1) - y0) / (y1 - y0) * (H - T - B);
  const svg = draw('svg', { viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': title });
  for (const v of yTicks) {
    svg.append(draw('line', { x1: L, x2: W - R, y1: py(v), y2: py(v), class: 'axis' }));
    svg.append(draw('text', { x: L - 6, y: py(v) + 4, 'text-anchor': 'end' }, short(v)));
  }
  for (const v of xTicks) {
    svg.append(draw('line', { x1: px(v), x2: px(v), y1: H - B, y2: H - B + 4, class: 'axis' }));
    svg.append(draw('text', { x: px(v), y: H - B + 16, 'text-anchor': 'middle' }, short(v)));
  }
  svg.append(draw('text', { x: (L + W - R) / 2, y: H - 4, 'text-anchor': 'middle' }, labels[0]));
  const up = draw('text', { x: 0, y: 0, 'text-anchor': 'middle', transform: `translate(11 ${(H - B + T) / 2}) rotate(-90)` }, labels[1]);
  svg.append(up);
  body(svg, px, py, H - B);
  return make('div', {}, make('h3', {}, title), svg);
}
function line(svg, points, px, py, stroke, dots, dashed, alone) {
  if (!alone) svg.append(draw('polyline', { points: points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' '), fill: 'none', stroke, 'stroke-width': 2, 'stroke-dasharray': dashed ? '5 4' : 'none' }));
  for (const [x, y, tip] of dots ? points : []) {
    const dot = draw('circle', { cx: px(x), cy: py(y), r: 3, fill: stroke });
    dot.append(draw('title', {}, tip || `${short(x)}: ${y}`));
    svg.append(dot);
  }
}
function table(head, rows, wide) {
  const t = make('table', {}, make('thead', {}, make('tr', {}, ...head.map((h) => make('th', {}, h)))));
  const body = make('tbody');
  for (const row of rows) {
    const tr = make('tr', row.kind ? { class: row.kind } : {});
    row.cells.forEach((cell, at) => {
      const td = make('td', row.best && row.best.includes(at) ? { class: 'best' } : {});
      td.append(cell);
      tr.append(td);
    });
    body.append(tr);
  }
  t.append(body);
  return wide === false ? t : make('div', { class: 'wide' }, t);
}
function choose(place, names, onto) {
  const buttons = names.map((name, at) => {
    const button = make('button', { type: 'button' }, name);
    button.addEventListener('click', () => pick(at));
    return button;
  });
  const pick = (at) => {
    buttons.forEach((button, other) => button.classList.toggle('on', other === at));
    onto(at);
  };
  place.append(...buttons);
  if (buttons.length) buttons[0].classList.add('on');
}

function summary() {
  $('run').textContent = data.run;
  document.title = `${data.run}: wordmill`;
  const names = data.trainers.map((t) => t.name).join(', ');
  $('subtitle').textContent = `${names || 'no trainer'} · written by ${data.program}`;
  $('foot').textContent = 'This page needs no network. The run directory contains the scores, curves and vectors as files.';
  const tile = (value, what) => $('summary').append(make('div', { class: 'tile' }, make('b', {}, value), make('span', {}, what)));
  if (data.vocabulary) {
    tile(count(data.vocabulary.words), 'words');
    tile(count(data.vocabulary.tokens), 'tokens of these words');
  }
  if (data.matrix) tile(count(data.matrix.cells), 'cells of the matrix');
  tile(time(data.stages.reduce((sum, s) => sum + s.seconds, 0)), 'for all stages');
  tile(bytes(Math.max(0, ...data.stages.map((s) => s.peak_bytes))), 'peak memory');
}

const known = new Map();
function words() {
  if (!data.vocabulary) return;
  data.vocabulary.shown.forEach((word, at) => known.set(word, at));
  for (const word of data.vocabulary.shown.slice(0, 1000)) $('known').append(make('option', { value: word }));
  const good = data.vocabulary.shown.filter((w) => w.length > 3 && /\p{L}/u.test(w));
  const examples = [40, 90, 180, 320, 600, 1100].map((at) => good[at]).filter(Boolean);
  $('examples').append('such as ');
  for (const word of examples) {
    const button = make('button', { type: 'button', class: 'link' }, word);
    button.addEventListener('click', () => look(word));
    $('examples').append(button);
  }
  $('ask').addEventListener('submit', (e) => { e.preventDefault(); look($('word').value.trim()); });
  const asked = new URLSearchParams(location.hash.slice(1)).get('word');
  look(asked || examples[1] || examples[0] || data.vocabulary.shown[0]);
}
// The neighbours of a word of the page; its words are named by their numbers.
function near(trainer, id) {
  const found = trainer.neighbours[id] || [];
  return found.map(([other, cosine]) => [typeof other === 'number' ? data.vocabulary.shown[other] : other, cosine]);
}
function look(word) {
  $('word').value = word;
  let id = known.get(word);
  if (id === undefined) id = known.get(word.toLowerCase());
  const place = $('neighbours');
  place.replaceChildren();
  if (id === undefined) {
    const alike = data.vocabulary.shown.filter((w) => w.startsWith(word.toLowerCase().slice(0, 3))).slice(0, 6);
    const which = known.size < data.vocabulary.words ? `the ${known.size.toLocaleString('en')} most frequent words` : 'the vocabulary';
    $('answer').textContent = `“${word}” is not among ${which}${alike.length ? `; similar words are ${alike.join(', ')}` : ''}.`;
    mark(null);
    return;
  }
  const found = data.vocabulary.shown[id];
  $('answer').textContent = `“${found}” occurs ${data.vocabulary.counts[id].toLocaleString('en')} times in the text, rank ${(id + 1).toLocaleString('en')}.`;
  const covered = data.trainers.length ? data.trainers[0].neighbours.length : 0;
  if (data.trainers.length && id >= covered) {
    $('answer').textContent += ` This page has the neighbours of the ${covered.toLocaleString('en')} most frequent words; for others use “wordmill similar”.`;
    mark(found);
    return;
  }
  data.trainers.forEach((trainer, at) => {
    const rows = near(trainer, id).map(([other, cosine]) => {
      const button = make('button', { type: 'button', class: 'link' }, other);
      button.addEventListener('click', () => look(other));
      return { cells: [button, cosine.toFixed(3)] };
    });
    const t = table([], rows, false);
    t.className = 'near';
    t.dataset.trainer = trainer.name;
    const title = make('h3', { style: `color:${color(at)}` }, trainer.name);
    place.append(make('div', {}, title, t));
  });
  mark(found);
}

// The map: a dot for each word, and labels where there is room. Units are pixels of the screen, so letters keep their size on a phone.
const view = { trainer: 0, kind: 'tsne', x: 0, y: 0, size: 1, marked: null };
let labels = [];
let MW = 1000, MH = 640;
function map() {
  if (!data.trainers.length) return;
  const svg = draw('svg', { role: 'img', 'aria-label': 'map of words' });
  $('map-place').append(svg);
  choose($('map-trainers'), data.trainers.map((t) => t.name), (at) => { view.trainer = at; place(); });
  choose($('map-kinds'), ['t-SNE', 'principal components'], (at) => { view.kind = at ? 'pca' : 'tsne'; place(); });
  $('zoom-in').addEventListener('click', () => zoom(1.5, MW / 2, MH / 2));
  $('zoom-out').addEventListener('click', () => zoom(1 / 1.5, MW / 2, MH / 2));
  $('zoom-all').addEventListener('click', () => { Object.assign(view, { x: 0, y: 0, size: 1 }); show(); });
  const inside = (e) => {
    const box = svg.getBoundingClientRect();
    return [(e.clientX - box.left) / box.width * MW, (e.clientY - box.top) / box.height * MH];
  };
  svg.addEventListener('wheel', (e) => { e.preventDefault(); zoom(e.deltaY < 0 ? 1.2 : 1 / 1.2, ...inside(e)); }, { passive: false });
  // One pointer moves the map, two change its size. One finger on the whole map scrolls the page instead.
  const down = new Map();
  svg.addEventListener('pointerdown', (e) => { down.set(e.pointerId, inside(e)); });
  svg.addEventListener('pointermove', (e) => {
    const from = down.get(e.pointerId);
    if (!from) return;
    const to = inside(e);
    const other = [...down].find(([id]) => id !== e.pointerId);
    down.set(e.pointerId, to);
    if (other) {
      const apart = (p) => Math.hypot(p[0] - other[1][0], p[1] - other[1][1]) || 1;
      zoom(apart(to) / apart(from), ...other[1]);
      return;
    }
    view.x += to[0] - from[0]; view.y += to[1] - from[1];
    show();
  });
  for (const end of ['pointerup', 'pointerleave', 'pointercancel']) svg.addEventListener(end, (e) => down.delete(e.pointerId));
  window.addEventListener('resize', () => { if (fit()) place(); });
  fit();
  place();
}
// Takes the width of the page; true if it has changed.
function fit() {
  const svg = $('map-place').firstElementChild;
  const width = Math.max(280, Math.round($('map-place').clientWidth));
  if (width === MW && svg.hasAttribute('viewBox')) return false;
  [MW, MH] = [width, Math.round(Math.min(640, Math.max(380, width * 0.64)))];
  svg.setAttribute('viewBox', `0 0 ${MW} ${MH}`);
  return true;
}
function zoom(by, x, y) {
  const size = Math.min(40, Math.max(1, view.size * by));
  by = size / view.size;
  $('map-place').classList.toggle('near', size > 1);
  Object.assign(view, { size, x: x - (x - view.x) * by, y: y - (y - view.y) * by });
  show();
}
function place() {
  const trainer = data.trainers[view.trainer], points = trainer[view.kind];
  const svg = $('map-place').firstElementChild;
  svg.replaceChildren();
  const [xs, ys] = [0, 1].map((at) => points.map((p) => p[at]));
  const scale = (values, room, at) => {
    const low = Math.min(...values), high = Math.max(...values);
    const edge = Math.min(40, room / 12);
    return edge + (at - low) / (high - low || 1) * (room - 2 * edge);
  };
  labels = points.map((p, id) => {
    const word = data.vocabulary.shown[id];
    const text = draw('text', { 'text-anchor': 'middle' }, word);
    const dot = draw('circle', { r: 2 });
    dot.append(draw('title', {}, word));
    for (const it of [text, dot]) it.addEventListener('click', () => look(word));
    svg.prepend(dot);
    svg.append(text);
    return { text, dot, word, id, x: scale(xs, MW, p[0]), y: scale(ys, MH, p[1]) };
  });
  show();
}
function show() {
  const close = new Set();
  const at = view.marked === null ? undefined : known.get(view.marked);
  if (at !== undefined) for (const [word] of near(data.trainers[view.trainer], at)) close.add(word);
  // Words that would lie on more frequent ones are left out until there is room.
  const taken = [];
  const dim = labels.some((l) => l.word === view.marked) && labels.filter((l) => close.has(l.word)).length > 1;
  const important = (l) => l.word === view.marked || close.has(l.word);
  for (const l of [...labels].sort((a, b) => important(b) - important(a) || a.id - b.id)) {
    const x = view.x + l.x * view.size, y = view.y + l.y * view.size;
    l.dot.setAttribute('cx', x.toFixed(1)); l.dot.setAttribute('cy', (y - 4).toFixed(1));
    const size = Math.max(9.5, Math.min(19, 12 + MW / 140) - 1.6 * Math.log2(1 + l.id / 6)), half = l.word.length * size * 0.29 + 2;
    const out = x + half < 0 || x - half > MW || y < 0 || y - size > MH;
    const hit = out || taken.some(([tx, ty, th, ts]) => Math.abs(tx - x) < th + half && Math.abs(ty - y) < (ts + size) / 2);
    l.text.style.display = hit ? 'none' : '';
    // A label stands for its dot.
    l.dot.style.display = hit ? '' : 'none';
    if (hit) continue;
    taken.push([x, y, half, size]);
    l.text.setAttribute('x', x.toFixed(1)); l.text.setAttribute('y', y.toFixed(1));
    l.text.style.fontSize = `${size.toFixed(1)}px`;
    l.text.setAttribute('class', l.word === view.marked ? 'found' : close.has(l.word) ? 'near' : dim ? 'dim' : '');
  }
  const what = view.kind === 'tsne'
    ? 't-SNE keeps neighbours together; distances between groups mean little.'
    : 'The two directions in which these words vary most.';
  $('map-note').textContent = `The ${labels.length} most frequent words: ${taken.length} as labels where there is room, the others as dots; larger is more frequent. ` +
    `${what} Scroll or pinch to zoom, drag to move, click a word to look it up.`;
}
function mark(word) { view.marked = word; if (labels.length) show(); }

function scores() {
  const place = $('score-tables');
  if (!data.scores.length) {
    place.append(make('p', { class: 'quiet' }, 'No evaluation sets: name some in [eval] of pipeline.toml, or use “wordmill eval”.'));
    return;
  }
  const names = data.scores.map((s) => s.vectors);
  const share = (score) => score === null || score === undefined ? '–' : (100 * score).toFixed(1);
  const best = (values) => {
    const most = Math.max(...values.filter((v) => v !== null));
    const alike = values.every((v) => v === values[0]);
    return values.length > 1 && !alike ? values.map((v, at) => v === most ? at + 1 : -1).filter((at) => at > 0) : [];
  };
  const cell = (value, interval) => {
    const it = make('span', {}, share(value));
    if (interval) it.append(make('small', {}, ` ${(100 * interval[0]).toFixed(1)}–${(100 * interval[1]).toFixed(1)}`));
    return it;
  };
  data.scores[0].analogies.forEach((set, at) => {
    const row = (name, of, kind) => {
      const all = data.scores.map((s) => of(s.analogies[at]));
      return { kind, cells: [name, ...all.map((s) => cell(s.accuracy, s.interval)), `${of(set).asked}`, `${of(set).skipped}`], best: best(all.map((s) => s.accuracy)) };
    };
    const rows = set.sections.map((section, n) => row(section.name, (s) => s.sections[n]));
    for (const sum of ['semantic', 'syntactic', 'total']) rows.push(row(sum, (s) => s[sum], 'sum'));
    const title = `${set.set.split('/').pop()}: analogies, % correct with 95 % interval, among ${set.top.toLocaleString('en')} words`;
    place.append(make('h3', {}, title), table(['', ...names, 'asked', 'skipped'], rows));
  });
  if (data.scores[0].similarity.length) {
    const rows = data.scores[0].similarity.map((set, at) => {
      const all = data.scores.map((s) => s.similarity[at]);
      return { cells: [set.set.split('/').pop(), ...all.map((s) => cell(s.spearman, s.interval)), `${set.pairs}`, `${set.skipped}`], best: best(all.map((s) => s.spearman)) };
    });
    place.append(make('h3', { style: 'margin-top:18px' }, 'Similarity, Spearman × 100 with 95 % interval'), table(['', ...names, 'pairs', 'skipped'], rows));
  }
  data.scores[0].outliers.forEach((set, at) => {
    const row = (name, of, kind) => {
      const all = data.scores.map((s) => of(s.outliers[at]).accuracy);
      return { kind, cells: [name, ...all.map((share) => cell(share)), `${of(set).asked ?? ''}`], best: best(all) };
    };
    const rows = set.sections.map((section, n) => row(section.name, (s) => s.sections[n]));
    rows.push(row('total', (s) => s, 'sum'));
    place.append(make('h3', { style: 'margin-top:18px' }, `${set.set.split('/').filter(Boolean).pop()}: outliers, % found`), table(['', ...names, 'asked'], rows));
  });
}

// Rows between epochs, where log_every asked for them: how far training was, by its steps, and the mean loss since the row before.
function between(trainer) {
  let [steps, before, at] = [0, 0, 0];
  const points = [];
  for (const round of trainer.rounds) {
    steps += round.visits;
    while (at < trainer.epochs.length && steps > before + trainer.epochs[at].visits) { before += trainer.epochs[at].visits; at += 1; }
    const epoch = trainer.epochs[Math.min(at, trainer.epochs.length - 1)];
    if (epoch && epoch.visits > 0) points.push([at + Math.min(1, (steps - before) / epoch.visits), round.loss]);
  }
  return points;
}
function curves() {
  const place = $('curve-plots');
  data.trainers.forEach((trainer, at) => {
    if (!trainer.epochs.length) return;
    const points = trainer.epochs.map((e) => [e.epoch, e.loss, `epoch ${e.epoch}: ${e.loss.toPrecision(6)}, ${time(e.seconds)}, ${count(e.visits)} steps`]);
    const known = trainer.epochs.filter((e) => typeof e.held_out_loss === 'number');
    const held = known.map((e) => [e.epoch, e.held_out_loss, `epoch ${e.epoch}, held out: ${e.held_out_loss.toPrecision(6)}`]);
    const rounds = between(trainer);
    const all = [...points, ...held, ...rounds];
    place.append(plot(`${trainer.name}: loss`, { x: all.map((p) => p[0]), y: all.map((p) => p[1]), labels: ['epoch', 'mean loss', true] },
      (svg, px, py) => {
        if (rounds.length) line(svg, rounds, px, py, color(at), false);
        line(svg, points, px, py, color(at), true, false, rounds.length > 0);
        if (held.length) line(svg, held, px, py, color(at), true, true);
      }));
    if (held.length) place.lastChild.append(make('p', { class: 'quiet held-out' }, 'Dashed: the held-out loss after each epoch.'));
  });
  if (!place.children.length) place.append(make('p', { class: 'quiet' }, 'There is no learning curve.'));
  else place.after(make('p', { class: 'quiet' }, 'Losses of different trainers are sums of different things; only their shapes can be compared.'));
}
function text() {
  const place = $('text-plots');
  if (data.vocabulary) {
    const points = data.vocabulary.curve;
    place.append(plot('How often words occur', { x: points.map((p) => p[0]), y: points.map((p) => Math.max(1, p[1])), log: [true, true], labels: ['rank', 'count'] },
      (svg, px, py) => line(svg, points.map(([x, y]) => [x, Math.max(1, y)]), px, py, color(0))));
  }
  if (data.matrix) {
    const bins = data.matrix.bins;
    const some = data.matrix.seen < data.matrix.cells ? `, from ${count(data.matrix.seen)} of them` : '';
    place.append(plot(`Weights of the ${count(data.matrix.cells)} cells${some}`, { x: [...bins.map((b) => 2 ** b[0]), 2 ** (bins[bins.length - 1][0] + 1)], y: bins.map((b) => b[1]), log: [true, true], labels: ['weight, in pairs', 'cells'] },
      (svg, px, py, bottom) => bins.forEach(([p, n]) => {
        const bar = draw('rect', { x: px(2 ** p) + 1, width: Math.max(1, px(2 ** (p + 1)) - px(2 ** p) - 2), y: py(n) - 2, height: Math.max(2, bottom - py(n) + 2), fill: color(1) });
        bar.append(draw('title', {}, `${short(2 ** p)} to ${short(2 ** (p + 1))}: ${n.toLocaleString('en')} cells`));
        svg.append(bar);
      })));
  }
}
function norms() {
  const place = $('norm-plots');
  data.trainers.forEach((trainer, at) => {
    const wide = trainer.norm_most / trainer.norms.length;
    place.append(plot(`${trainer.name}: norms`, { x: [0, trainer.norm_most], y: trainer.norms, labels: ['norm', 'words'], floor: true },
      (svg, px, py, bottom) => trainer.norms.forEach((n, bin) => svg.append(draw('rect', { x: px(bin * wide), width: Math.max(1, px(wide) - px(0) - 1), y: py(n), height: Math.max(0, bottom - py(n)), fill: color(at) })))));
    const cloud = trainer.cloud.map(([n, norm, word]) => [Math.max(1, n), norm, word]);
    place.append(plot(`${trainer.name}: norm and frequency`, { x: cloud.map((p) => p[0]), y: cloud.map((p) => p[1]), log: [true, false], labels: ['count', 'norm'] },
      (svg, px, py) => cloud.forEach(([n, norm, word]) => {
        const dot = draw('circle', { cx: px(n).toFixed(1), cy: py(norm).toFixed(1), r: 2, fill: color(at), 'fill-opacity': 0.55 });
        dot.append(draw('title', {}, `${word}: ${n}, ${norm}`));
        svg.append(dot);
      })));
  });
}
function stages() {
  const all = data.stages.reduce((sum, s) => sum + s.seconds, 0) || 1;
  const W = Math.max(300, $('timeline').clientWidth), row = 26, L = 110;
  const svg = draw('svg', { viewBox: `0 0 ${W} ${data.stages.length * row + 8}`, role: 'img', 'aria-label': 'times of the stages' });
  let from = 0;
  data.stages.forEach((stage, at) => {
    const y = 4 + at * row, x = L + from / all * (W - L - 80), w = Math.max(2, stage.seconds / all * (W - L - 80));
    svg.append(draw('text', { x: 0, y: y + 16, class: 'strong', style: 'font-size:13px' }, stage.name));
    svg.append(draw('rect', { x, y: y + 4, width: w, height: row - 9, rx: 3, fill: color(stage.name.startsWith('train') ? 1 : 0) }));
    svg.append(draw('text', { x: x + w + 6, y: y + 16 }, time(stage.seconds)));
    from += stage.seconds;
  });
  const rate = (s) => {
    const key = ['tokens', 'cells', 'words', 'visits', 'pairs'].find((k) => s.counts[k] > 0);
    return key && s.seconds > 0 ? `${count(s.counts[key] / s.seconds)} ${key}/s` : '';
  };
  const rows = data.stages.map((s) => ({ cells: [s.name, time(s.seconds), rate(s), bytes(s.peak_bytes), bytes(s.bytes), `${s.files}`, s.peak_disk_bytes ? bytes(s.peak_disk_bytes) : '' ] }));
  $('timeline').append(svg, table(['stage', 'time', 'rate', 'memory', 'written', 'files', 'peak disk'], rows));
}
function settings() {
  for (const stage of data.stages) {
    const rows = stage.settings.map(([key, value]) => ({ cells: [key, value] }));
    if (!rows.length) continue;
    $('setting-tables').append(make('details', {}, make('summary', {}, `${stage.name} (${rows.length})`), table([], rows, false)));
  }
}
function theme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches || location.hash.includes('dark');
  document.documentElement.classList.toggle('dark', dark);
  $('theme').addEventListener('click', () => document.documentElement.classList.toggle('dark'));
  window.addEventListener('beforeprint', () => {
    document.documentElement.classList.remove('dark');
    document.querySelectorAll('details').forEach((it) => { it.open = true; });
  });
}

for (const part of [theme, summary, map, words, scores, curves, text, norms, stages, settings]) part();
document.body.dataset.ready = 1;
