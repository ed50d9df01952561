// Files that somebody drops on the page about evidence: manifest, signature and
// checkpoint go into the form, the SHA-256 of all others is computed here and
// compared with the manifest once that is verified. No part leaves the browser.
const $ = (selector, root = document) => root.querySelector(selector);
const maxText = 1 << 20, maxPart = 1 << 30; // bytes; a part is read into memory as a whole
const parts = new Map(); // by base name

const base = (name) => name.split('/').pop();

async function sum(file) {
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join('');
}

function mark(cell, text, kind) {
  const span = document.createElement('span');
  span.className = kind;
  span.textContent = text;
  cell.replaceChildren(span);
}

async function compare() {
  for (const row of document.querySelectorAll('#finding tr[data-sha256]')) {
    const file = parts.get(base(row.dataset.key)), cell = $('.cmp', row);
    if (!file) continue;
    if (!crypto.subtle) mark(cell, 'needs TLS', 'dim');
    else if (file.size !== Number(row.dataset.size)) mark(cell, 'another size', 'res bad');
    else if (file.size > maxPart) mark(cell, 'too large here', 'dim');
    else {
      mark(cell, 'reading', 'dim');
      mark(cell, ...(await sum(file) === row.dataset.sha256 ? ['byte for byte', 'tag proof'] : ['differs', 'res bad']));
    }
  }
}

async function take(files) {
  const at = $('.dropped');
  for (const file of files) {
    const text = file.size <= maxText && /\.(json|sig|checkpoint|txt)$|^checkpoint/.test(file.name) ? await file.text() : null;
    if (text === null) parts.set(base(file.name), file);
    else $(text.startsWith('scaivault-audit export manifest\n') ? '#vs' : '#vd').value = text;
    const li = document.createElement('li'), name = document.createElement('code');
    name.textContent = file.name;
    li.append(name);
    at.append(li);
  }
  compare();
}

// verification starts to listen.
export function verification() {
  document.addEventListener('change', (e) => { if (e.target.id === 'vfiles') { take([...e.target.files]); e.target.value = ''; } });
  document.addEventListener('dragover', (e) => {
    const drop = e.target.closest?.('[data-drop]');
    if (!drop) return;
    e.preventDefault();
    drop.classList.add('over');
  });
  document.addEventListener('dragleave', (e) => e.target.closest?.('[data-drop]')?.classList.remove('over'));
  document.addEventListener('drop', (e) => {
    const drop = e.target.closest?.('[data-drop]');
    if (!drop) return;
    e.preventDefault();
    drop.classList.remove('over');
    take([...e.dataTransfer.files]);
  });
  document.body.addEventListener('htmx:afterSettle', (e) => { if (e.target.id === 'finding') compare(); });
}
