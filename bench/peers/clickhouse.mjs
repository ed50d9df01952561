// ClickHouse over its HTTP interface: JSONEachRow in, arrays of JSON out.

import { randomUUID } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { request } from '../http.mjs'
import { start, stop } from '../process.mjs'
import { answer, ask } from '../sql.mjs'

const url = `http://127.0.0.1:${process.env.PORT}/`
const server = fileURLToPath(new URL('clickhouse-server.py', import.meta.url))
const schema = readFileSync(new URL('clickhouse.sql', import.meta.url), 'utf8')
const fields = ['id', 'action', 'identity_type', 'identity_id', 'secret_path', 'source_ip', 'user_agent',
  'success', 'duration_ms', 'request_id', 'extra_data']
const types = { success: 'Bool', duration_ms: 'UInt32' }
const structure = fields.map(f => `${f} ${types[f] ?? 'String'}`).join(', ')

const settings = { max_threads: 1, max_insert_threads: 1, async_insert: 0, date_time_input_format: 'best_effort' }

export default class ClickHouse {
  constructor(dir) { this.dir = dir }
  get pid() { return this.server.pid }

  async start() {
    const library = `${process.env.WORK}/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so`
    this.server = await start('python3', [server, library, `${this.dir}/data`, process.env.PORT],
      () => request('GET', url + 'ping'))
    await this.run(schema)
  }

  async stop() { if (this.server) await stop(this.server) }

  /** run sends a statement, and rows to insert if there are any. */
  run(text, { body, discard, ...more } = {}) {
    const query = new URLSearchParams({ ...settings, ...more, ...(body && { query: text }) })
    return request('POST', `${url}?${query}`, { body: body ?? text, discard })
  }

  async version() { return String(await this.run('SELECT version()')).trim() }

  encode(lines, first) {
    return lines.map((line, i) => `{"idx":${first + i},${line.slice(1)}\n`).join('')
  }

  /** append has a token, as it must be when a repetition is not to count twice. */
  append(_, body) {
    return this.run('INSERT INTO events FORMAT JSONEachRow', { body, insert_deduplication_token: randomUUID() })
  }

  load(file) {
    return this.run(`INSERT INTO events (timestamp, idx, ${fields}) SELECT
      parseDateTime64BestEffort(timestamp, 6, 'UTC'), rowNumberInAllBlocks(), ${fields}
      FROM input('timestamp String, ${structure}') FORMAT JSONEachRow`,
    { body: createReadStream(file, { highWaterMark: 1 << 20 }) })
  }

  settle() { return this.run('OPTIMIZE TABLE events FINAL') }

  async bytes() {
    const sizes = await this.run(`SELECT 'all', sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'events'
      UNION ALL SELECT name, sum(bytes_on_disk) FROM system.projection_parts WHERE active AND table = 'events'
      GROUP BY name FORMAT JSONCompactEachRow`)
    this.extra = Object.fromEntries(this.rows(sizes))
    return Number(this.extra.all)
  }

  query(text) { return this.run(`${text} FORMAT JSONCompactEachRow`) }
  rows(result) { return String(result).split('\n').filter(Boolean).map(line => JSON.parse(line)) }

  last(result) {
    const end = result.lastIndexOf(10, result.length - 2)
    return result.length ? JSON.parse(result.subarray(end + 1)) : undefined
  }

  scan() { return this.run('SELECT * FROM events FORMAT JSONEachRow', { discard: true }) }

  ask(q) { return ask(this, q) }
  answer(q, results) { return answer(this, q, results) }
}
