// PostgreSQL over TCP: COPY to append, file_fdw to load.

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, createWriteStream, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { start, stop } from '../process.mjs'
import { answer, ask } from '../sql.mjs'

const library = createRequire(`${process.env.WORK}/package.json`)
const { Client } = library('pg')
const copy = library('pg-copy-streams')

const bin = '/usr/lib/postgresql/15/bin'
const [table, indexes] = readFileSync(new URL('postgresql.sql', import.meta.url), 'utf8').split('-- indexes')
const fields = 'timestamp, id, action, identity_type, identity_id, secret_path, source_ip, user_agent, ' +
  'success, duration_ms, request_id, extra_data'

// One core for it alone, most of 24 GiB free: a quarter-ish of it for buffers,
// no parallel workers, no JIT, checkpoints seldom. All that makes an answer to
// COMMIT durable stays at its default, which is on.
const settings = {
  shared_buffers: '4GB', effective_cache_size: '12GB', work_mem: '256MB', maintenance_work_mem: '1GB',
  max_wal_size: '8GB', checkpoint_timeout: '15min', wal_compression: 'lz4', default_toast_compression: 'lz4',
  random_page_cost: '1.1', max_parallel_workers_per_gather: '0', max_parallel_maintenance_workers: '0',
  jit: 'off', timezone: 'UTC', listen_addresses: '127.0.0.1', port: process.env.PORT,
}

export default class PostgreSQL {
  constructor(dir) { this.dir = dir; this.clients = []; this.prepared = new Map() }
  get pid() { return this.server.pid }

  async start() {
    const options = this.user()
    execFileSync(`${bin}/initdb`, ['-D', `${this.dir}/data`, '--locale=C', '--encoding=UTF8', '--auth=trust',
      '--username=postgres'], { ...options, stdio: ['ignore', 'ignore', 'inherit'] })
    const flags = Object.entries({ ...settings, unix_socket_directories: this.dir }).flatMap(s => ['-c', s.join('=')])
    const log = createWriteStream(`${this.dir}/log`)
    await new Promise(resolve => log.on('open', resolve))
    this.server = await start(`${bin}/postgres`, ['-D', `${this.dir}/data`, ...flags], () => this.connect(),
      { ...options, stdio: ['ignore', log, log] })
    while (this.clients.length < 4) await this.connect()
    await this.run(table)
  }

  /** user is whom the server runs as: root may not. */
  user() {
    if (process.getuid() !== 0) return {}
    const id = flag => Number(execFileSync('id', [flag, 'postgres']))
    const [uid, gid] = [id('-u'), id('-g')]
    chownSync(this.dir, uid, gid)
    return { uid, gid, cwd: this.dir }
  }

  async connect() {
    const client = new Client({ host: '127.0.0.1', port: process.env.PORT, user: 'postgres', database: 'postgres',
      types: { getTypeParser: () => value => value } })
    await client.connect()
    this.clients.push(client)
  }

  async stop() {
    for (const client of this.clients) await client.end()
    if (this.server) await stop(this.server, 'SIGINT')
  }

  /** index makes the indexes: before small appends, after a load. */
  async index() { await this.run(indexes) }

  run(text) { return this.clients[0].query(text) }
  async version() { return (await this.run('SHOW server_version')).rows[0].server_version.split(' ')[0] }

  encode(lines) {
    const escape = v => v === null || v === undefined ? '\\N'
      : String(v).replace(/[\\\n\r\t]/g, c => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[c])
    const row = e => fields.split(', ').map(f => escape(f === 'extra_data' ? JSON.stringify(e[f]) : e[f])).join('\t')
    return lines.map(line => row(JSON.parse(line)) + '\n').join('')
  }

  async append(writer, payload) {
    const to = this.clients[writer].query(copy.from(`COPY events (${fields}) FROM STDIN`))
    await pipeline(Readable.from([payload]), to)
  }

  async load(file) {
    chmodSync(file, 0o644)
    await this.run(`CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
      CREATE FOREIGN TABLE lines (line text) SERVER files
        OPTIONS (filename '${file}', format 'csv', delimiter E'\\x02', quote E'\\x01')`)
    await this.run(`INSERT INTO events (${fields}) SELECT ${fields} FROM lines, json_to_record(line::json) AS
      e (timestamp timestamptz, id text, action text, identity_type text, identity_id text, secret_path text,
        source_ip inet, user_agent text, success boolean, duration_ms integer, request_id text, extra_data json)`)
    await this.index()
  }

  async settle() {
    await this.run('VACUUM (FREEZE, ANALYZE) events')
    await this.run('CHECKPOINT')
  }

  async bytes() {
    const { rows } = await this.run(`SELECT relname, pg_relation_size(oid) AS size FROM pg_class
      WHERE relname LIKE 'events%' AND relkind IN ('r', 'i') ORDER BY size DESC`)
    this.extra = Object.fromEntries(rows.map(r => [r.relname, Number(r.size)]))
    return Number((await this.run(`SELECT pg_total_relation_size('events') AS n`)).rows[0].n)
  }

  /** query plans a statement once: the same text is prepared only the first time. */
  async query(text) {
    const name = this.prepared.get(text) ?? `q${this.prepared.size}`
    this.prepared.set(text, name)
    return this.clients[0].query({ text, name, rowMode: 'array' })
  }

  rows(result) { return result.rows }
  last(result) { return result.rows.at(-1) }

  async scan() {
    const from = this.clients[0].query(copy.to(`COPY (SELECT row_to_json(e) FROM events e) TO STDOUT`))
    await pipeline(from, new Writable({ write: (_, __, done) => done() }))
    return from.rowCount
  }

  ask(q) { return ask(this, q) }
  answer(q, results) { return answer(this, q, results) }
}
