// The questions, each with one filter object that every party spells its own
// way: our API as a query string, a peer as SQL, the oracle as a predicate.

const minute = 60e6, hour = 60 * minute, day = 24 * hour

/** micros returns the Unix time in µs of "2026-01-02T03:04:05.000006Z". */
export const micros = t => Date.parse(t.slice(0, 23) + 'Z') * 1000 + Number(t.slice(23, 26))

/** stamp is the inverse of micros. */
export const stamp = us =>
  new Date(Math.floor(us / 1000)).toISOString().slice(0, 23) + String(us % 1000).padStart(3, '0') + 'Z'

/** derivedID is the id of the event at an index that brought none. */
export const derivedID = index => 'log_' + index.toString(16).padStart(16, '0')

/** questions returns the set about subjects that oracle.mjs has chosen. */
export function questions(x) {
  const to = micros(x.last) + 1, from = to - 90 * day, month = to - 30 * day
  const midday = micros(x.middle) - micros(x.middle) % day
  const within = (from, to) => ({ from: stamp(from), to: stamp(to) })
  const all = within(from, to)
  const page = (name, filter) => ({ name, kind: 'page', filter: { ...all, ...filter } })
  const trail = (name, path) => ({ name, kind: 'trail', filter: { ...all, secret_path: path },
    period: { ...within(month, to), secret_path: path } })
  return [
    page('newest_100', {}),
    page('day_action', { ...within(midday, midday + day), action: 'read' }),
    page('heavy_identity', { identity_id: x.heavy }),
    page('rare_identity', { identity_id: x.rare }),
    page('source_ip', { source_ip: x.address }),
    trail('secret_trail', x.secret),
    trail('busy_secret', x.busy),
    page('prefix_failures', { from: stamp(month), path_prefix: x.prefix, success: false }),
    { name: 'request_id', kind: 'page', filter: { request_id: x.request } },
    page('no_match', { identity_id: x.heavy, secret_path: x.untouched }),
    { name: 'summary_30d', kind: 'summary', filter: within(month - month % hour, to - to % hour) },
    { name: 'summary_90d', kind: 'summary', filter: all },
    { name: 'pages_100x1000', kind: 'pages', filter: all },
    { name: 'values', kind: 'values', filter: within(month, to), text: x.heavy.slice(0, 6) },
    { name: 'scan_jsonl', kind: 'scan', filter: {} },
  ]
}
