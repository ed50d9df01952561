// Movement in a table of events: one tab stop, j and k or the arrows, Enter
// opens, Escape closes. The drawer follows once it is open.
const table = () => document.querySelector('.tbl[data-opens]');
const links = () => [...(table()?.querySelectorAll('tbody tr[data-id] .c-time a') ?? [])];
const drawer = () => document.querySelector('#drawer:not([hidden])');
let at = 0; // the row with the tab stop

function stop(i) {
  at = i;
  links().forEach((a, k) => { a.tabIndex = k === i ? 0 : -1; });
}

function move(step, focus) {
  const all = links();
  if (!all.length) return;
  const next = all.includes(document.activeElement) || drawer() ? at + step : at;
  stop(Math.max(0, Math.min(all.length - 1, next)));
  if (focus) all[at].focus();
  all[at].closest('tr').scrollIntoView({ block: 'nearest' });
  if (drawer()) all[at].click();
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
      if (tr && !e.target.closest('a') && !getSelection().toString()) tr.querySelector('a').click();
    });
  },
  // settled marks the open row, and gives one row the tab stop.
  settled() {
    const open = drawer()?.dataset.event, all = links();
    for (const a of all) a.closest('tr').classList.toggle('at', a.closest('tr').dataset.id === open);
    const i = all.findIndex((a) => a.closest('tr').dataset.id === open);
    stop(i >= 0 ? i : Math.min(at, Math.max(0, all.length - 1)));
  },
  close() {
    const close = drawer()?.querySelector('header a');
    if (!close) return;
    close.click();
    links()[at]?.focus();
  },
};
