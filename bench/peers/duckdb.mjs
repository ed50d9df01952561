// DuckDB in this process, which runs on core 1: an appender per batch, one
// transaction each, to append; its JSON reader to load.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { micros } from '../questions.mjs'
import { answer, ask, where } from '../sql.mjs'

const { DuckDBInstance, DuckDBDataChunk, DuckDBTimestampValue, BIGINT, BOOLEAN, INTEGER, TIMESTAMP, VARCHAR, version } =
  createRequire(`${process.env.WORK}/package.json`)('@duckdb/node-api')

const [table, indexes] = readFileSync(new URL('duckdb.sql', import.meta.url), 'utf8').split('-- indexes')
const fields = ['id', 'action', 'identity_type', 'identity_id', 'secret_path', 'source_ip', 'user_agent',
  'success', 'duration_ms', 'request_id', 'extra_data']
const types = { success: BOOLEAN, duration_ms: INTEGER }
const chunkTypes = [TIMESTAMP, BIGINT, ...fields.map(f => types[f] ?? VARCHAR)]

export default class DuckDB {
  constructor(dir) { this.dir = dir; this.connections = []; this.prepared = new Map(); this.pid = process.pid }

  async start() {
    this.instance = await DuckDBInstance.create(`${this.dir}/events.duckdb`,
      { threads: '1', memory_limit: '8GB', checkpoint_threshold: '1GB' })
    for (let n = 0; n < 4; n++) this.connections.push(await this.instance.connect())
    await this.run(table)
  }

  async index() { await this.run(indexes) }

  async stop() {
    for (const connection of this.connections) connection.closeSync()
    this.instance?.closeSync()
  }

  run(text) { return this.connections[0].run(text) }
  async version() { return version() }

  encode(lines, first) {
    const columns = chunkTypes.map(() => [])
    lines.forEach((line, i) => {
      const e = JSON.parse(line)
      columns[0].push(new DuckDBTimestampValue(BigInt(micros(e.timestamp))))
      columns[1].push(BigInt(first + i))
      fields.forEach((f, at) => columns[2 + at].push(f === 'extra_data' ? JSON.stringify(e[f]) : e[f] ?? null))
    })
    const chunk = DuckDBDataChunk.create(chunkTypes)
    chunk.setColumns(columns)
    return chunk
  }

  async append(writer, chunk) {
    const connection = this.connections[writer]
    await connection.run('BEGIN')
    const appender = await connection.createAppender('events')
    appender.appendDataChunk(chunk)
    appender.closeSync()
    await connection.run('COMMIT')
  }

  async load(file) {
    const columns = ['timestamp', ...fields].map((f, i) => `'${f}': '${f === 'timestamp' ? TIMESTAMP
      : f === 'extra_data' ? 'JSON' : chunkTypes[i + 1]}'`).join(', ')
    await this.run(`INSERT INTO events SELECT timestamp, row_number() OVER () - 1, ${fields}
      FROM read_ndjson('${file}', columns = {${columns}})`)
    await this.index()
  }

  settle() { return this.run('CHECKPOINT') }

  async bytes() {
    const [row] = (await this.connections[0].runAndReadAll(
      'SELECT block_size * used_blocks, wal_size FROM pragma_database_size()')).getRows()
    return Number(row[0])
  }

  /** query plans a statement once. */
  async query(text) {
    const statement = this.prepared.get(text) ?? await this.connections[0].prepare(text)
    this.prepared.set(text, statement)
    return (await statement.runAndReadAll()).getRows()
  }

  rows(result) { return result }
  last(result) { return result.at(-1)?.map(String) }

  async scan() {
    const result = await this.connections[0].runAndReadAll(`COPY events TO '/dev/null' (FORMAT json)`)
    return Number(result.getRows()[0][0])
  }

  async ask(q) {
    if (q.filter.request_id) return this.find(q)
    // Fetching the wide columns last halves the time of long pages; for a rare value it costs five times more.
    await this.run(`SET late_materialization_max_rows = ${q.kind === 'pages' ? 1000 : 50}`)
    return ask(this, q)
  }

  /** find narrows first: a scan that also feeds a top 100 does not use the index. */
  async find(q) {
    return [await this.query(`WITH found AS MATERIALIZED (SELECT * FROM events WHERE ${where(q.filter)})
      SELECT timestamp, idx, ${fields} FROM found ORDER BY timestamp DESC, idx DESC LIMIT 100`)]
  }

  answer(q, results) { return answer(this, q, results) }
}
