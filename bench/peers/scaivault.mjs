// Our program, twice: its server over HTTP beside the peers that are servers,
// and its own bench command beside the one that is a library.

import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { promisify } from 'node:util'
import { request } from '../http.mjs'
import { start, stop } from '../process.mjs'

const { PROGRAM: program, PORT: port, SAMPLE: sample } = process.env
const url = `http://127.0.0.1:${port}`
const run = promisify(execFile)

export default class Scaivault {
  constructor(dir) { this.dir = dir }
  get pid() { return this.server.pid }

  async start(data = `${this.dir}/http`) {
    const { stdout } = await run(program, ['token', 'create', '--data', data, '--tenant', 'tnt_bench_0001',
      '--identity', 'sa:bench', '--scope', 'audit:read,audit:write'])
    this.headers = { Authorization: `Bearer ${stdout.trim()}` }
    this.server = await start(program, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`,
      '--rate-limit-queries', String(2 ** 30)], () => request('GET', `${url}/v1/health/ready`),
    { stdio: ['ignore', 'ignore', 'ignore'], env: { ...process.env, GOMAXPROCS: '1' } })
  }

  async stop() { if (this.server) await stop(this.server) }
  async version() { return (await run(program, ['version'])).stdout.trim() }

  encode(lines) { return lines.join('\n') + '\n' }

  append(_, body) {
    const headers = { ...this.headers, 'Content-Type': 'application/x-ndjson' }
    return request('POST', `${url}/v1/audit/logs`, { headers, body })
  }

  load(file) {
    return run(program, ['ingest', file],
      { env: { ...process.env, SCAIVAULT_URL: url, SCAIVAULT_TOKEN: this.headers.Authorization.slice(7) } })
  }

  /**
   * exchange goes on with the log that the bench command makes of the same
   * events and seals at once: a server seals what is full or a day old.
   */
  async exchange() {
    await this.stop()
    rmSync(`${this.dir}/http`, { recursive: true })
    const data = `${this.dir}/bench`
    const { stdout } = await run('taskset', ['-c', '1', program, 'bench', ...sample.split(' '), '--data', data, '--json'],
      { maxBuffer: 1 << 26, env: { ...process.env, GOMAXPROCS: '1' } })
    this.extra = JSON.parse(stdout)
    await this.start(data)
  }

  async bytes() { return this.extra.disk.reduce((sum, d) => sum + (d.kind === 'segments' ? d.bytes : 0), 0) }

  get(path) { return request('GET', `${url}/v1/audit/${path}`, { headers: this.headers }) }

  async ask(q) {
    const query = String(new URLSearchParams(q.filter))
    switch (q.kind) {
      case 'page': return [await this.get(`logs?${query}`)]
      case 'summary': return [await this.get(`summary?${query}`)]
      case 'values': return [await this.get(`values?field=identity_id&${query}&q=${encodeURIComponent(q.text)}`)]
      case 'trail': {
        const { secret_path: path, ...range } = q.filter
        return [await this.get(`secrets/${path}?${new URLSearchParams(range)}`)]
      }
      case 'pages': return this.pages(query)
    }
  }

  async pages(query) {
    const results = []
    let cursor = ''
    while (results.length < 100) {
      const page = await this.get(`logs?${query}&limit=1000${cursor}`)
      results.push(page)
      const next = /"cursor":"([^"]+)"/.exec(page.subarray(-2000))
      if (!next) break
      cursor = `&cursor=${next[1]}`
    }
    return results
  }

  async answer(q, results) {
    const answers = results.map(r => JSON.parse(r))
    const [first] = answers
    switch (q.kind) {
      case 'page': case 'pages': return { ids: answers.flatMap(a => a.logs.map(e => e.id)) }
      case 'summary': return { counts: counts(first) }
      case 'values': return { values: first.values.map(v => [v.value, v.count]) }
      case 'trail': { // its own 30 days end now; those of the question, with the last event
        const period = JSON.parse(await this.get(`summary?${new URLSearchParams(q.period)}`))
        return { ids: first.logs.map(e => e.id), counts: counts(period) }
      }
    }
  }
}

function counts(s) {
  return {
    total: s.total_events, failed: s.failed_events, actions: Object.entries(s.actions_breakdown),
    identities: s.top_identities.map(i => [i.identity_id, i.count]), paths: s.top_resources.map(r => [r.path, r.count]),
  }
}
