// Movement in a table of events: one tab stop, j and k or the arrows, Enter
// opens, Escape closes. The drawer follows once it is open.
//
// The place is a link, not a number: rows may arrive above it. Only who reads
// moves it, never an answer, which may be that to an earlier key. Of the answers
// only the last one asked for comes: #explore has hx-sync="this:replace".
const table = () => document.querySelector('.tbl[data-opens]');
const links = () => [...(table()?.querySelectorAll('tbody tr[data-id] .c-time a') ?? [])];
const drawer = () => document.querySelector('#drawer:not([hidden])');
const idOf = (a) => a.closest('tr').dataset.id;
let here = null; // the link of the row where one was last

// place returns the link with the tab stop: where one was, else the open event, else the first.
function place(all) {
  if (all.includes(here)) return here;
  const open = drawer()?.dataset.event;
  return all.find((a) => idOf(a) === open) ?? all[0];
}

function stop(all) {
  const at = place(all);
  for (const a of all) a.tabIndex = a === at ? 0 : -1;
}

function move(step, focus) {
  const all = links();
  if (!all.length) return;
  const at = all.indexOf(place(all)), moves = all.includes(document.activeElement) || drawer();
  here = all[Math.max(0, Math.min(all.length - 1, moves ? at + step : at))];
  stop(all);
  if (focus) here.focus();
  here.closest('tr').scrollIntoView({ block: 'nearest' });
  if (drawer()) here.click();
}

export const rows = {
  start() {
    this.settled();
    document.addEventListener('keydown', (e) => {
      if (e.target.matches('input, textarea, select') || e.metaKey || e.ctrlKey || e.altKey) return;
      if (document.querySelector('dialog[open]') || !table()) return;
      const arrows = e.target.closest('.tbl');
      if (e.key === 'j' || (arrows && e.key === 'ArrowDown')) { e.preventDefault(); move(1, true); }
      if (e.key === 'k' || (arrows && e.key === 'ArrowUp')) { e.preventDefault(); move(-1, true); }
    });
    document.addEventListener('click', (e) => {
      if (e.target.closest('[data-next]')) move(1);
      if (e.target.closest('[data-prev]')) move(-1);
      const tr = e.target.closest('.tbl[data-opens] tbody tr[data-id]');
      if (!tr) return;
      here = tr.querySelector('.c-time a');
      if (!e.target.closest('a') && !getSelection().toString()) here.click();
    });
    document.body.addEventListener('htmx:afterSwap', (e) => {
      if (e.detail.target.id === 'drawer') this.settled(); // at once: drawer and mark never differ
    });
  },
  // settled marks the open row, and gives one row the tab stop.
  settled() {
    const open = drawer()?.dataset.event, all = links();
    for (const a of all) a.closest('tr').classList.toggle('at', idOf(a) === open);
    stop(all);
  },
  close() {
    const close = drawer()?.querySelector('header a');
    if (!close) return window.htmx?.trigger('#explore', 'htmx:abort'); // an event that was asked for may be on its way
    close.click();
    const all = links();
    place(all)?.focus();
  },
};
