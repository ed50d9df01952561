// The questions in the SQL that all peers understand. A peer gives query(text),
// which returns what its client has received, and rows(result), which makes
// arrays of values of it, outside the measurement.

import { derivedID } from './questions.mjs'

const columns = 'timestamp, idx, id, action, identity_type, identity_id, secret_path, source_ip, user_agent, ' +
  'success, duration_ms, request_id, extra_data'

const quote = s => `'${String(s).replaceAll("'", "''")}'`
const time = t => quote(t.slice(0, 26).replace('T', ' '))

/** where spells a filter. A prefix is of whole segments: "0" follows "/". */
export function where({ from, to, path_prefix: prefix, ...equal }) {
  const terms = Object.entries(equal).map(([key, v]) => `${key} = ${typeof v === 'boolean' ? v : quote(v)}`)
  if (from) terms.push(`timestamp >= ${time(from)}`)
  if (to) terms.push(`timestamp < ${time(to)}`)
  if (prefix) {
    terms.push(`(secret_path = ${quote(prefix)} OR ` +
      `secret_path >= ${quote(prefix + '/')} AND secret_path < ${quote(prefix + '0')})`)
  }
  return terms.join(' AND ')
}

const page = (condition, limit) =>
  `SELECT ${columns} FROM events WHERE ${condition} ORDER BY timestamp DESC, idx DESC LIMIT ${limit}`
const actions = condition =>
  `SELECT action, count(*), count(*) FILTER (WHERE NOT success) FROM events WHERE ${condition} GROUP BY action`
const top = (column, condition) => `SELECT ${column}, count(*) AS n FROM events ` +
  `WHERE ${condition} AND ${column} <> '' GROUP BY ${column} ORDER BY n DESC, ${column} LIMIT 10`

/** ask answers a question and returns the results, not yet read. */
export async function ask(peer, q) {
  const condition = where(q.filter)
  switch (q.kind) {
    case 'page': return [await peer.query(page(condition, 100))]
    case 'summary': return all(peer, actions(condition), top('identity_id', condition), top('secret_path', condition))
    case 'trail': {
      const period = where(q.period)
      return all(peer, page(condition, 100), actions(period), top('identity_id', period), 'SELECT min(timestamp), ' +
        `max(timestamp), count(DISTINCT identity_id) FROM events WHERE ${period}`)
    }
    case 'pages': return pages(peer, condition)
    case 'values': {
      const like = pattern => `identity_id LIKE ${quote(pattern)}`
      return [await peer.query('SELECT identity_id, count(*) AS n, min(timestamp), max(timestamp) FROM events ' +
        `WHERE ${condition} AND ${like(`%${q.text}%`)} GROUP BY identity_id ` +
        `ORDER BY CASE WHEN ${like(`${q.text}%`)} THEN 0 ELSE 1 END, n DESC, identity_id LIMIT 100`)]
    }
    case 'scan': return peer.scan()
  }
}

async function all(peer, ...statements) {
  const results = []
  for (const text of statements) results.push(await peer.query(text))
  return results
}

/** pages walks by the place of the last row, as an index can follow it. */
async function pages(peer, condition) {
  const results = []
  let after = ''
  for (let n = 0; n < 100; n++) {
    const result = await peer.query(page(condition + after, 1000))
    results.push(result)
    const [t, idx] = peer.last(result) ?? []
    if (t === undefined) break
    after = ` AND timestamp <= ${quote(t)} AND (timestamp < ${quote(t)} OR idx < ${idx})`
  }
  return results
}

/** answer reads results into what digest takes. */
export function answer(peer, q, results) {
  if (q.kind === 'scan') return { scanned: Number(results) }
  const [first, ...rest] = results.map(r => peer.rows(r))
  const ids = rows => rows.map(row => row[2] || derivedID(Number(row[1])))
  switch (q.kind) {
    case 'page': return { ids: ids(first) }
    case 'pages': return { ids: ids([first, ...rest].flat()) }
    case 'values': return { values: pairs(first) }
    case 'summary': return { counts: counts(first, rest[0], rest[1]) }
    case 'trail': {
      const found = counts(rest[0], rest[1], [])
      if (found.total) found.paths = [[q.period.secret_path, found.total]]
      return { ids: ids(first), counts: found }
    }
  }
}

const pairs = rows => rows.map(([key, n]) => [key, Number(n)])

function counts(actions, identities, paths) {
  const sum = i => actions.reduce((sum, row) => sum + Number(row[i]), 0)
  return { total: sum(1), failed: sum(2), actions: pairs(actions), identities: pairs(identities), paths: pairs(paths) }
}
