// The walk of .ci/pages. Each step says what somebody does and fails with the
// first thing that is not as it should be.
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import fs from 'node:fs';

const require = createRequire(process.env.MODULES);
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const output = fs.readFileSync(process.env.OUTPUT, 'utf8');
const base = output.match(/http:\/\/127\.0\.0\.1:\d+/)[0], token = output.match(/^token: (\S+)/m)[1];
const shots = process.argv[2] === '--shots' ? process.argv[3] : '';

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
let problems = 0;

async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.on('pageerror', (e) => { problems++; console.error('script:', e.message); });
  page.on('console', (m) => {
    if (m.type() !== 'error' || /status of 4\d\d/.test(m.text())) return; // pages of errors are visited on purpose
    problems++;
    console.error('console:', m.text());
  });
  page.on('request', (r) => assert(r.url().startsWith(base) || r.url().startsWith('data:'), `request to ${r.url()}`));
  return page;
}

async function signIn(page) {
  await page.fill('#tk', token);
  await page.click('button.solid');
  await page.waitForSelector('.topbar .menu');
}

// look lets axe look at the page as it is, which the policy of the page allows
// only to a context that bypasses it.
async function look(page, name) {
  await page.waitForTimeout(250); // motion ends
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
  await page.evaluate(`if (!window.axe) { ${axe} }`);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const v of violations) {
    problems++;
    console.error(`axe: ${name}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`);
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) { problems++; console.error(`${name}: ${wide} px wider than the window`); }
}

const count = async (page) => Number((await page.textContent('.sumline .big')).replaceAll(',', ''));
const settled = (page) => page.waitForFunction(() => !document.querySelector('.htmx-request, .htmx-settling, .htmx-swapping'));

async function steps() {
  const page = await open({ acceptDownloads: true });
  const step = (name) => console.log('pages:', name);

  step('sign-in leads back to the finding');
  await page.goto(`${base}/ui/?range=7d&success=false`);
  await signIn(page);
  assert.match(page.url(), /range=7d&success=false/);

  step('a filter by a suggestion, with the keyboard only');
  await page.goto(`${base}/ui/?range=7d`);
  const all = await count(page);
  await page.keyboard.press('/');
  await page.keyboard.type('rotate');
  await page.waitForSelector('#suggest [role=option]:has-text("rotate")');
  while (!await page.locator('#suggest [aria-selected=true]:has-text("rotate")').filter({ hasNotText: 'path under' }).count()) {
    await page.keyboard.press('ArrowDown');
  }
  await page.keyboard.press('Enter');
  await page.waitForSelector('.chip');
  await settled(page);
  const some = await count(page);
  assert(some < all, 'the filter narrows');
  assert.match(page.url(), /range=7d/);

  step('back undoes it');
  await page.goBack();
  await page.waitForSelector('.sumline');
  await page.waitForFunction(() => document.querySelector(".sumline") && !document.querySelector(".chip"));

  step('drag zooms, back undoes');
  const box = await page.locator('.plot').boundingBox();
  await page.mouse.move(box.x + 300, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + 600, box.y + 60, { steps: 8 });
  await page.mouse.up();
  await page.waitForURL(/from=/);
  await settled(page);
  assert(await count(page) < all, 'the zoom narrows');
  await page.goBack();
  await page.waitForURL((u) => !u.search.includes('from='));
  await page.waitForSelector('.plot canvas');

  step('j, k, Enter and Escape move through events');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#drawer[data-event]');
  const second = await page.getAttribute('#drawer', 'data-event');
  await page.keyboard.press('j');
  await page.waitForFunction((id) => document.querySelector('#drawer').dataset.event !== id, second);
  assert.match(page.url(), /event=/);
  assert.equal(await page.getAttribute('tr.at', 'data-id'), await page.getAttribute('#drawer', 'data-event'));
  await page.keyboard.press('Escape');
  await page.waitForSelector('#drawer[hidden]', { state: 'attached' });
  assert.doesNotMatch(page.url(), /event=/);

  step('only this, from the drawer');
  await page.click('.results tbody tr[data-id] .c-res');
  await page.waitForSelector('#drawer[data-event]');
  await page.click('#drawer a[aria-label="Only this: Identity"]');
  await page.waitForSelector('.chip:has-text("identity")');

  step('5,000 rows by scrolling');
  await page.goto(`${base}/ui/?range=30d`);
  for (let n = 0; n < 5000;) {
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForFunction((m) => document.querySelectorAll('tr[data-id]').length > m, n);
    n = await page.locator('tr[data-id]').count();
  }
  const ids = await page.$$eval('tr[data-id]', (rows) => rows.map((r) => r.dataset.id));
  assert.equal(new Set(ids).size, ids.length, 'each event once');

  step('the worklist of an identity as CSV');
  await page.goto(`${base}/ui/`);
  const who = await page.locator('.results .c-id code').nth(2).innerText();
  await page.goto(`${base}/ui/identities/${encodeURIComponent(who)}`);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[download]')]);
  assert.match(fs.readFileSync(await download.path(), 'utf8'), /^secret_path,last_at/);

  step('an export, from the filter to its files');
  await page.goto(`${base}/ui/?range=7d&success=false`);
  const failed = await count(page);
  await page.click('.toolbar a:has-text("Export")');
  await page.check('input[value=file]', { force: true });
  await page.click('button:has-text("Dry run")');
  await page.click(`button:has-text("Export ${failed.toLocaleString('en-US')} events")`);
  await page.waitForSelector('h2:has-text("completed")', { timeout: 20000 });
  await page.waitForSelector('text=part-0001.jsonl.zst');

  step('an ended session leads to the door and back');
  await page.goto(`${base}/ui/?range=7d`);
  await page.context().clearCookies();
  await page.click('.results tbody tr[data-id] .c-res');
  await page.waitForURL(/signin/);
  await signIn(page);
  assert.match(page.url(), /range=7d/);

  step('sign-out');
  await page.click('.topbar summary');
  await page.click('button:has-text("Sign out")');
  await page.waitForURL(/signin/);
  await page.goto(`${base}/ui/`);
  await page.waitForURL(/signin/);
  await page.context().close();
}

async function looks() {
  for (const colorScheme of ['light', 'dark']) for (const width of [1440, 360]) {
    const page = await open({ colorScheme, bypassCSP: true, viewport: { width, height: width < 400 ? 760 : 900 } });
    const name = (s) => `${s}-${colorScheme}-${width}`;
    await page.goto(`${base}/ui/`);
    await look(page, name('signin'));
    await signIn(page);
    for (const [what, target] of [['explore', '/ui/?range=7d'], ['bad', '/ui/?range=7y'], ['empty', '/ui/?secret_path=nothing'],
      ['overview', '/ui/overview'], ['exports', '/ui/exports'], ['wizard', '/ui/exports/new?success=false'], ['missing', '/ui/nothing']]) {
      await page.goto(base + target);
      await look(page, name(what));
    }
    await page.goto(`${base}/ui/?range=30d&success=false`);
    await page.click('.results tbody tr[data-id] .c-res');
    await page.waitForSelector('#drawer[data-event]');
    await look(page, name('drawer'));
    const links = await page.$$eval('#drawer a[href^="/ui/identities/"], #drawer a[href^="/ui/secrets/"]', (a) => a.map((x) => x.href));
    for (const [i, link] of links.entries()) {
      await page.goto(link);
      await look(page, name(`trail${i}`));
    }
    await page.goto(`${base}/ui/`);
    await page.click('.toolbar summary');
    await look(page, name('range'));
    await page.goto(`${base}/ui/`);
    await page.click('#q');
    await page.waitForSelector('#suggest [role=option]');
    await look(page, name('suggest'));
    await page.context().close();
  }
}

await steps();
await looks();
await browser.close();
assert.equal(problems, 0, `${problems} problems`);
console.log('pages: all is well');
