// An answer in a form that is the same for all who give it, and its digest.

import { createHash } from 'node:crypto'

const byName = (a, b) => (a[0] < b[0] ? -1 : 1)

/**
 * digest returns { rows, digest } of an answer: ids of events in their order,
 * or counts { total, failed, actions, identities, paths }, or values, or just
 * how many events a scan met.
 */
export function digest(answer) {
  const { ids, counts, values, scanned } = answer
  const parts = []
  if (ids) parts.push(ids)
  if (counts) parts.push({ ...counts, actions: counts.actions.toSorted(byName) })
  if (values) parts.push(values)
  const rows = scanned ?? values?.length ?? ids?.length ?? counts.total
  parts.push(rows)
  return { rows, digest: createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16) }
}
