// The filter field: a combobox whose list the server fills as one types
// (WAI-ARIA Authoring Practices, combobox with a list).
import { go } from './go.js';

const field = () => document.querySelector('#q');
const list = () => document.querySelector('#suggest');
const options = () => [...list().querySelectorAll('[role=option]')];

function show(on) {
  if (!list()) return;
  list().hidden = !on;
  field().setAttribute('aria-expanded', String(on));
  if (!on) field().removeAttribute('aria-activedescendant');
}

function choose(option) {
  show(false);
  field().value = '';
  go(option.dataset.url);
}

function move(step) {
  const all = options();
  if (!all.length) return;
  const at = all.findIndex((o) => o.getAttribute('aria-selected') === 'true');
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
  for (const o of all) o.setAttribute('aria-selected', String(o === next));
  field().setAttribute('aria-activedescendant', next.id);
  next.scrollIntoView({ block: 'nearest' });
}

// suggestions starts to listen.
export function suggestions() {
  document.addEventListener('keydown', (e) => {
    if (e.target.id !== 'q') return;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      show(true);
      move(e.key === 'ArrowDown' ? 1 : -1);
    }
    const chosen = list().querySelector('[aria-selected=true]');
    if (e.key === 'Enter' && chosen && !list().hidden) {
      e.preventDefault();
      choose(chosen);
    }
    if (e.key === 'Backspace' && !e.target.value) [...document.querySelectorAll('.chip .x')].pop()?.click();
  });
  document.addEventListener('pointerdown', (e) => {
    const option = e.target.closest?.('#suggest [role=option]');
    if (!option) return;
    e.preventDefault(); // the field keeps the focus until the choice is made
    choose(option);
  });
  document.addEventListener('focusout', (e) => { if (e.target.id === 'q') show(false); });
  document.body.addEventListener('htmx:afterSwap', (e) => {
    if (e.detail.target.id === 'suggest') show(document.activeElement === field());
  });
}
