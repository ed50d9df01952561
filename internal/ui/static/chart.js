// The histogram. Its data is the table beneath it, so that both always say the
// same; uPlot does scales, axes and selection, and the bars are drawn here:
// failures at the base, never less than two pixels high.
import { go } from './go.js';

const $ = (selector, root = document) => root.querySelector(selector);
const count = new Intl.NumberFormat('en-US');
const short = (v) => (v >= 1e6 ? `${v / 1e6}M` : v >= 1e3 ? `${v / 1e3}k` : `${v}`);
const drawn = new WeakMap();

// colour resolves a custom property, light-dark() and all, to what canvas takes.
function colour(el, name) {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  el.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function read(figure) {
  return [...figure.querySelectorAll('tbody tr')].map((tr) => {
    const [start, end, all, bad] = tr.dataset.b.split(',').map(Number);
    return { start, end, all, bad, label: tr.cells[0].textContent };
  });
}

// ceiling returns a round number at or above m, for two even grid lines.
function ceiling(m) {
  const p = 10 ** Math.floor(Math.log10(Math.max(m, 2)));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((k) => k * p).find((k) => k >= m && (k * p >= 2 || k % 2 === 0)) || m;
}

function bars(rows, look) {
  return (u) => {
    const { ctx } = u, dpr = devicePixelRatio || 1, base = Math.round(u.valToPos(0, 'y', true));
    rows.forEach((r, i) => {
      const x = u.valToPos(r.start, 'x', true), step = u.valToPos(r.end, 'x', true) - x, css = step / dpr;
      const gap = (css > 20 ? css * 0.36 : css > 9 ? 3 : css > 5 ? 2 : 1) * dpr, w = Math.max(dpr, step - gap);
      const height = (n) => base - u.valToPos(n, 'y', true);
      const bad = r.bad ? Math.max(2 * dpr, height(r.bad)) : 0;
      const good = r.all > r.bad ? Math.max(dpr, height(r.all - r.bad)) : 0;
      const rect = (y, h, style, round) => {
        ctx.fillStyle = style;
        ctx.beginPath();
        ctx.roundRect(x, y, w, h, round ? [1.5 * dpr, 1.5 * dpr, 0, 0] : 0);
        ctx.fill();
      };
      if (bad) rect(base - bad, bad, look.bad, !good);
      if (good) rect(base - bad - good - (bad ? dpr : 0), good, u.cursor.bar === i ? look.hover : look.good, true);
    });
    ctx.fillStyle = look.line;
    ctx.fillRect(u.bbox.left, base, u.bbox.width, dpr);
  };
}

function tick(seconds, unit) {
  const d = new Date(seconds * 1000), two = (n) => String(n).padStart(2, '0');
  const day = d.toLocaleDateString('en-US', { timeZone: 'UTC', month: 'short', day: 'numeric' });
  if (unit >= 86400) return day;
  const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
  if (unit < 60) return `${clock}:${two(d.getUTCSeconds())}`;
  return clock === '00:00' ? day : clock;
}

function tip(plot) {
  const box = document.createElement('div');
  box.className = 'tip';
  box.hidden = true;
  plot.append(box);
  const line = (name, value, kind) => {
    const row = document.createElement('div'), a = document.createElement('span'), b = document.createElement('b');
    if (kind) row.className = kind;
    a.textContent = name;
    b.textContent = value;
    row.append(a, b);
    box.append(row);
  };
  return {
    hide() { box.hidden = true; },
    show(span, left) {
      box.replaceChildren();
      const last = span[span.length - 1], to = span.length > 1 ? ` to ${tick(last.end, last.end - last.start)}` : '';
      line(`${span[0].label}${to} UTC`, '', 'h');
      line('Events', count.format(span.reduce((n, r) => n + r.all, 0)));
      const bad = span.reduce((n, r) => n + r.bad, 0);
      if (bad) line('Failed', count.format(bad), 'failc');
      box.hidden = false;
      box.style.transform = `translate(${Math.max(0, Math.min(left + 16, plot.clientWidth - box.offsetWidth))}px, 8px)`;
    },
  };
}

function draw(figure) {
  const plot = $('.plot', figure), rows = read(figure);
  if (!plot.clientWidth || !rows.length) return;
  const look = { good: colour(plot, '--bar'), hover: colour(plot, '--bar-hover'), bad: colour(plot, '--bar-fail'),
    line: colour(plot, '--line-2'), grid: colour(plot, '--grid'), text: colour(plot, '--text-3') };
  const top = ceiling(Math.max(...rows.map((r) => r.all)) * 1.02), info = tip(plot), first = rows[0], last = rows[rows.length - 1];
  const at = (u, left) => {
    const t = u.posToVal(left, 'x'), i = rows.findIndex((r) => t < r.end);
    return i < 0 ? rows.length - 1 : i;
  };
  const zoom = figure.dataset.zoom, font = `11px ${getComputedStyle(plot).fontFamily}`;
  const axis = { stroke: look.text, font, ticks: { show: false } };
  let dragging = null;
  const u = new uPlot({
    width: plot.clientWidth, height: plot.clientHeight, padding: [8, 0, 0, 0], legend: { show: false },
    cursor: { x: false, y: false, points: { show: false }, drag: { x: Boolean(zoom), y: false, setScale: false, dist: 4 } },
    scales: { x: { range: () => [first.start, last.end] }, y: { range: () => [0, top] } },
    axes: [
      { ...axis, size: 24, gap: 4, space: 76, grid: { show: false },
        incrs: [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000, 7776000],
        values: (_, splits) => splits.map((s) => (s > last.end - 130 * (last.end - first.start) / plot.clientWidth ? '' : tick(s, splits.length > 1 ? splits[1] - splits[0] : 3600))) },
      { ...axis, size: 40, gap: 6, grid: { stroke: look.grid, width: 1 }, splits: () => [top / 2, top], values: (_, v) => v.map(short) },
    ],
    tzDate: (t) => uPlot.tzDate(new Date(t * 1000), 'Etc/UTC'),
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [bars(rows, look)],
      setCursor: [(u) => {
        const { left } = u.cursor, bar = left < 0 ? -1 : at(u, left);
        if (bar !== u.cursor.bar) {
          u.cursor.bar = bar;
          u.redraw(false);
        }
        if (bar < 0) return info.hide();
        if (dragging === null) dragging = bar;
        const down = u.select.width > 0;
        if (!down) dragging = bar;
        info.show(down ? rows.slice(Math.min(dragging, bar), Math.max(dragging, bar) + 1) : [rows[bar]], left + 40);
      }],
      setSelect: [(u) => {
        const { left, width } = u.select;
        if (!zoom || width < 4) return;
        select(rows[at(u, left)].start, rows[at(u, left + width - 1)].end, zoom);
      }],
    },
  }, [rows.map((r) => r.start), rows.map((r) => r.all)], plot);
  drawn.set(figure, u);
  if (!zoom) return;
  plot.addEventListener('dblclick', () => (history.state?.zoomed ? history.back() : go(figure.dataset.out)));
}

function select(from, to, zoom) {
  const url = new URL(zoom, location.href), iso = (s) => new Date(s * 1000).toISOString();
  url.searchParams.set('from', iso(from));
  url.searchParams.set('to', iso(to));
  go(url.pathname + url.search, { zoomed: true });
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const u = drawn.get(target.closest('.chart'));
    if (u && target.clientWidth && target.clientWidth !== u.width) u.setSize({ width: target.clientWidth, height: target.clientHeight });
  }
});

// drawCharts draws the charts that are not drawn yet, or all of them again.
export function drawCharts(again) {
  for (const figure of document.querySelectorAll('.chart')) {
    const old = drawn.get(figure);
    if (old && !again) continue;
    old?.destroy();
    $('.tip', figure)?.remove();
    drawn.delete(figure);
    draw(figure);
    sizes.observe($('.plot', figure));
  }
}
