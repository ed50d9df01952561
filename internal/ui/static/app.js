// What every page has: the scheme, menus, copying, keys. All of it listens on
// the document, so that parts of the page may be replaced at any time.
import { drawCharts } from './chart.js';
import { suggestions } from './suggest.js';
import { rows } from './rows.js';
import { live } from './live.js';
import { tree } from './tree.js';
import { verification } from './verify.js';

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const root = document.documentElement;

export function say(text) {
  $('#say').textContent = text;
}

function toggleTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  const secure = location.protocol === 'https:' ? '; secure' : '';
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  drawCharts(true);
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no clipboard without TLS
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  say('Copied');
  const use = $('use', button);
  if (!use || button.dataset.busy) return;
  const icon = use.getAttribute('href');
  button.dataset.busy = '1';
  use.setAttribute('href', '#i-check');
  setTimeout(() => { use.setAttribute('href', icon); delete button.dataset.busy; }, 1200);
}

document.addEventListener('click', (e) => {
  for (const menu of $$('details.menu[open]')) if (!menu.contains(e.target)) menu.open = false;
  const button = e.target.closest('button');
  if (!button) return;
  if (button.id === 'theme') toggleTheme();
  if (button.id === 'keys') $('#keysdlg').showModal();
  if (button.dataset.copy !== undefined) copy(button, button.dataset.copy);
  if (button.dataset.copylink !== undefined) copy(button, location.href);
  if (button.dataset.abs !== undefined) $('.tbl').classList.toggle('abs-time');
});

document.addEventListener('keydown', (e) => {
  const typing = e.target.matches('input, textarea, select');
  if (e.key === 'Escape') {
    const menu = $('details.menu[open]');
    if (menu) {
      menu.open = false;
      $('summary', menu).focus();
    } else if (typing) {
      e.target.blur();
    } else if (!$('dialog[open]')) {
      rows.close();
    }
    return;
  }
  if (typing || e.metaKey || e.ctrlKey || e.altKey || $('dialog[open]')) return;
  const field = $('#q');
  if (e.key === '/' && field) {
    e.preventDefault();
    field.focus();
  }
  if (e.key === 't') $('.tbl')?.classList.toggle('abs-time');
  if (e.key === '?') $('#keysdlg').showModal();
});

// The local time of an instant, as its title.
document.addEventListener('pointerover', (e) => {
  const time = e.target.closest?.('time.when');
  if (time && !time.title) time.title = new Date(time.dateTime).toLocaleString(undefined, { timeZoneName: 'short' });
});

// The whole of a text that is cut, as a title; a link may cover the text.
document.addEventListener('pointerover', (e) => {
  if (!e.target.closest || e.target.closest('[title]')) return;
  const around = e.target.closest('a, td') ?? e.target;
  const cut = [around, ...$$('*', around)].find((x) => x.scrollWidth > x.clientWidth && getComputedStyle(x).textOverflow === 'ellipsis');
  if (cut) e.target.title = cut.closest('[title]')?.title ?? cut.textContent.trim();
});

addEventListener('scroll', () => $('.toolbar')?.classList.toggle('stuck', scrollY > 8), { passive: true });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawCharts(true));

// On paper: where and when this was, and charts in light colours.
let scheme;
addEventListener('beforeprint', () => {
  scheme = root.dataset.theme;
  root.dataset.theme = 'light';
  if ($('#printed')) $('#printed').textContent = `${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  if ($('#address')) $('#address').textContent = location.href;
  drawCharts(true);
});
addEventListener('afterprint', () => {
  if (scheme) root.dataset.theme = scheme;
  else delete root.dataset.theme;
  drawCharts(true);
});

$('.nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }); // where there is no room for all
suggestions();
tree();
verification();
rows.start();
live.listen();
drawCharts();

// htmx says of each new element that it has settled; once a frame is enough.
let due = false, announce = false;
document.body.addEventListener('htmx:afterSettle', (e) => {
  announce ||= e.detail.target?.id === 'explore';
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    drawCharts();
    rows.settled();
    live.settled();
    if (announce) say(($('.sumline')?.innerText || 'No event matches').replace(/\s+/g, ' '));
    due = announce = false;
  });
});
