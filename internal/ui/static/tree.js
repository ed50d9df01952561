// The tree of paths: what is below a folder comes when it is opened, and stays.
// Arrows move as in other trees: right opens, left closes or goes up.
const buttons = () => [...document.querySelectorAll('.branches [data-below]')].filter((b) => b.offsetParent);
const list = (button) => button.closest('li').querySelector(':scope > ul');

async function open(button, on) {
  const below = list(button);
  button.setAttribute('aria-expanded', String(on));
  below.hidden = !on;
  if (!on || below.childElementCount) return;
  below.setAttribute('aria-busy', 'true');
  const wait = document.createElement('li');
  wait.className = 'branch-more';
  wait.append(Object.assign(document.createElement('span'), { className: 'sk w1' }));
  below.append(wait);
  await htmx.ajax('GET', button.dataset.below, { target: below, swap: 'innerHTML', source: button });
  below.removeAttribute('aria-busy');
}

// tree starts to listen.
export function tree() {
  document.addEventListener('click', (e) => {
    const button = e.target.closest('[data-below]');
    if (button) open(button, button.getAttribute('aria-expanded') !== 'true');
  });
  document.addEventListener('keydown', (e) => {
    const button = e.target.closest?.('[data-below]');
    if (!button || e.metaKey || e.ctrlKey || e.altKey) return;
    const is = button.getAttribute('aria-expanded') === 'true', all = buttons(), at = all.indexOf(button);
    const go = { ArrowDown: () => all[at + 1]?.focus(), ArrowUp: () => all[at - 1]?.focus(),
      ArrowRight: () => (is ? all[at + 1]?.focus() : open(button, true)),
      ArrowLeft: () => (is ? open(button, false) : button.closest('ul').closest('li')?.querySelector('[data-below]')?.focus()) }[e.key];
    if (!go) return;
    e.preventDefault();
    go();
  });
}
