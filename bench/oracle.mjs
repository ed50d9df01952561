// Reads the events without any database: chooses what the questions are about,
// and answers them by looking at every event.
//
//   node oracle.mjs EVENTS.ndjson > oracle.json

import { createReadStream } from 'node:fs'
import { digest } from './digest.mjs'
import { derivedID, questions } from './questions.mjs'

const file = process.argv[2]
const subjects = await choose()
const collectors = questions(subjects).map(collector)
let index = 0
for await (const e of events()) {
  e.index = index++
  for (const c of collectors) if (c.wants(e)) c.take(e)
}
const answers = Object.fromEntries(collectors.map(c => [c.name, digest(c.answer())]))
console.log(JSON.stringify({ subjects, events: index, answers }, null, 1))

/** events yields the events of the file, parsed, in its order: by time. */
async function* events() {
  let rest = ''
  for await (const text of createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) yield JSON.parse(line)
  }
}

/** choose picks the busiest, the rarest, and the ones in the middle. */
async function choose() {
  const identities = new Map(), addresses = new Map(), paths = new Map(), touched = new Map()
  const note = (tally, value) => { if (value) tally.set(value, (tally.get(value) ?? 0) + 1) }
  const requests = [] // every 1,000th, with its time
  let n = 0, last
  for await (const e of events()) {
    note(identities, e.identity_id)
    note(addresses, e.source_ip)
    note(paths, e.secret_path)
    if (e.secret_path) touched.set(e.identity_id, (touched.get(e.identity_id) ?? new Set()).add(e.secret_path))
    if (n++ % 1000 === 0) requests.push([e.request_id, e.timestamp])
    last = e.timestamp
  }
  const who = ranked(identities), where = ranked(addresses), what = ranked(paths)
  const [request, middle] = requests[requests.length >> 1]
  const least = identities.get(who.at(-1))
  return {
    last, middle, request, heavy: who[0], rare: who.find(id => identities.get(id) === least),
    address: where[where.length >> 1], secret: what[what.length >> 1], busy: what[0],
    prefix: what[0].split('/').slice(0, 2).join('/'),
    untouched: what.slice(what.length >> 1).find(path => !touched.get(who[0])?.has(path)) ?? 'never/touched',
  }
}

/** ranked returns the keys by falling count, ties by name. */
function ranked(tally) {
  return [...tally].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([key]) => key)
}

/** matcher turns a filter into a predicate. */
function matcher(filter) {
  const { from, to, path_prefix: prefix, ...equal } = filter
  const pairs = Object.entries(equal)
  return e =>
    (!from || e.timestamp >= from) && (!to || e.timestamp < to) && pairs.every(([key, v]) => e[key] === v) &&
    (!prefix || e.secret_path === prefix || !!e.secret_path?.startsWith(prefix + '/'))
}

/** collector gathers the answer to one question from the events in order. */
function collector(q) {
  const wants = matcher(q.filter)
  const name = q.name
  switch (q.kind) {
    case 'page': return { name, wants, ...newest(100) }
    case 'pages': return { name, wants, ...newest(100_000) }
    case 'summary': return { name, wants, ...counts() }
    case 'trail': {
      const rows = newest(100), sums = counts(), recent = matcher(q.period)
      return { name, wants, take: e => { rows.take(e); if (recent(e)) sums.take(e) },
        answer: () => ({ ...rows.answer(), ...sums.answer() }) }
    }
    case 'values': {
      const tally = new Map()
      return { name, wants, take: e => tally.set(e.identity_id, (tally.get(e.identity_id) ?? 0) + 1),
        answer: () => ({ values: matching(tally, q.text) }) }
    }
    case 'scan': {
      let scanned = 0
      return { name, wants, take: () => scanned++, answer: () => ({ scanned }) }
    }
  }
}

function newest(limit) {
  let ids = []
  return {
    take(e) {
      ids.push(e.id ?? derivedID(e.index))
      if (ids.length > 2 * limit) ids = ids.slice(-limit)
    },
    answer: () => ({ ids: ids.slice(-limit).reverse() }),
  }
}

function counts() {
  const actions = new Map(), identities = new Map(), paths = new Map()
  let total = 0, failed = 0
  const add = (tally, key) => tally.set(key, (tally.get(key) ?? 0) + 1)
  const top = tally => ranked(tally).slice(0, 10).map(key => [key, tally.get(key)])
  return {
    take(e) {
      total++
      if (!e.success) failed++
      add(actions, e.action)
      add(identities, e.identity_id)
      if (e.secret_path) add(paths, e.secret_path)
    },
    answer: () => ({ counts: { total, failed, actions: [...actions], identities: top(identities), paths: top(paths) } }),
  }
}

/** matching ranks the values that contain a text: leading first, then by count. */
function matching(tally, text) {
  const late = key => (key.startsWith(text) ? 0 : 1)
  return ranked(tally).filter(key => key.includes(text)).sort((a, b) => late(a) - late(b))
    .slice(0, 100).map(key => [key, tally.get(key)])
}
