// The live tail: rows of new events at the top of the table. It waits while one
// reads, that is, while the pointer is over the table or the page is scrolled.
import { rows } from './rows.js';

const most = 1000; // rows in the table; older ones give way
const button = () => document.querySelector('#live');
const body = () => document.querySelector('#results .tbl tbody');
let source = null;
let held = []; // HTML of batches that wait
let count = 0; // rows in held
let reading = false;

function label(text) {
  const b = button();
  if (!b) return;
  b.setAttribute('aria-pressed', String(source !== null));
  const span = b.querySelector('[data-label]');
  if (span.textContent !== text) span.textContent = text;
}

function show() {
  if (!source) return label('Live');
  if (source.readyState === EventSource.CONNECTING) return label('Connecting');
  label(count ? `Paused, ${count} new` : reading ? 'Paused' : 'Live');
}

function trim(table) {
  const all = table.querySelectorAll('tr');
  if (all.length <= most) return;
  for (const tr of [...all].slice(most)) tr.remove();
  const tr = table.insertRow();
  tr.className = 'moreline';
  tr.innerHTML = '<td colspan="4"><a class="more">Load again to see older events</a><td class="c-src"><td class="c-dur"><td class="c-res">';
  tr.querySelector('a').href = location.href;
}

// put shows what waits. What comes first was sent first, so it goes in first.
function put() {
  const table = body();
  if (!reading && held.length) {
    if (!table || count > most) return location.reload(); // it said that there is nothing, or too much waits
    for (const html of held) table.insertAdjacentHTML('afterbegin', html);
    held = [];
    count = 0;
    trim(table);
    window.htmx?.process(table);
    rows.settled();
  }
  show();
}

function stop() {
  source?.close();
  source = null;
  held = [];
  count = 0;
  show();
}

function start() {
  source = new EventSource(button().dataset.stream);
  source.addEventListener('open', show);
  source.addEventListener('rows', (e) => {
    count += e.data.split('data-id=').length - 1;
    if (count <= most) held.push(e.data); // what is more is loaded again
    put();
  });
  source.addEventListener('error', () => {
    if (source?.readyState !== EventSource.CLOSED) return show(); // it tries again
    stop();
    location.reload(); // a session that ended leads to the door, and back
  });
  show();
}

const toggle = () => (source ? stop() : start());

export const live = {
  listen() {
    document.addEventListener('click', (e) => {
      if (e.target.closest('#live')) toggle();
    });
    document.addEventListener('keydown', (e) => {
      if (e.key !== 'l' || e.metaKey || e.ctrlKey || e.altKey || !button()) return;
      if (e.target.matches('input, textarea, select') || document.querySelector('dialog[open]')) return;
      toggle();
    });
    const read = () => {
      const now = scrollY > 40 || document.querySelector('#results tbody:hover') !== null;
      if (now === reading) return;
      reading = now;
      put();
    };
    document.addEventListener('pointermove', read, { passive: true });
    document.addEventListener('pointerleave', () => { if (reading && scrollY <= 40) { reading = false; put(); } });
    addEventListener('scroll', read, { passive: true });
  },
  // settled goes on with the filter of the page that is there now.
  settled() {
    const b = button();
    if (!source) return;
    if (!b) return stop();
    if (new URL(b.dataset.stream, location.href).href === source.url) return show();
    stop();
    start();
  },
};
