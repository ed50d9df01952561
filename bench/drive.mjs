// Measures one party: durable appends, a bulk load, its size, the questions.
//
//   node drive.mjs PARTY EVENTS.ndjson ORACLE.json > RESULT.json

import { createReadStream, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { digest } from './digest.mjs'
import { cpu } from './process.mjs'
import { questions } from './questions.mjs'

const writers = 4, batch = 500
const leastRuns = 3, mostRuns = 1000, runTime = 1000 // ms that a question is repeated
const appended = Number(process.env.APPEND ?? Infinity) // events in the phase of durable appends

const [name, file, oracle] = process.argv.slice(2)
const { default: Peer } = await import(`./peers/${name}.mjs`)
const subjects = JSON.parse(readFileSync(oracle)).subjects
const dir = `${process.env.WORK}/${name}`
const result = { peer: name }

await use(async peer => {
  result.version = await peer.version()
  log('append')
  await peer.index?.()
  result.append = await append(peer)
  if (peer.settle) result.append.settle = await stopwatch(peer, () => peer.settle())
})
await use(async peer => {
  log('load')
  result.load = await stopwatch(peer, () => peer.load(file))
  log('settle')
  if (peer.settle) result.settle = await stopwatch(peer, () => peer.settle())
  else await peer.exchange()
  result.bytes = await peer.bytes()
  result.questions = []
  for (const q of questions(subjects)) {
    log(q.name)
    result.questions.push(await measure(peer, q))
  }
  result.extra = peer.extra
})
result.busy = Number(loadavg()[2].toFixed(1)) // processes that wanted a core in the last 15 minutes
console.log(JSON.stringify(result, null, 1))

function log(what) { console.error(`  ${what}`) }

/** use runs a phase with a peer in an empty directory. */
async function use(phase) {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  const peer = new Peer(dir)
  try {
    await peer.start()
    await phase(peer)
  } finally {
    await peer.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function stopwatch(peer, work) {
  const before = cpu(peer.pid), begun = performance.now()
  await work()
  return { seconds: (performance.now() - begun) / 1000, cpu: (cpu(peer.pid) - before) / 1000 }
}

/** append has writers that send a batch each and wait until it is durable. */
async function append(peer) {
  const batches = []
  for await (const lines of chunks(appended)) batches.push(peer.encode(lines, batches.length * batch))
  const acks = []
  let next = 0
  globalThis.gc?.()
  const used = await stopwatch(peer, () => Promise.all(Array.from({ length: writers }, async (_, writer) => {
    while (next < batches.length) {
      const payload = batches[next++], begun = performance.now()
      await peer.append(writer, payload)
      acks.push(performance.now() - begun)
    }
  })))
  return { ...used, events: batches.length * batch, ...quantiles(acks) }
}

/** chunks yields up to n lines of the file in full batches. */
async function* chunks(n) {
  const input = createReadStream(file)
  let lines = []
  for await (const line of createInterface({ input })) {
    if (lines.push(line) < batch) continue
    yield lines
    lines = []
    if ((n -= batch) <= 0) break
  }
  input.destroy() // else readline reads on, while the clock is running
}

/** measure asks once to warm up, then again and again, and reads the last answer. */
async function measure(peer, q) {
  let results = await peer.ask(q)
  if (results === undefined) return { name: q.name } // cannot be asked
  const times = [], begun = performance.now()
  globalThis.gc?.()
  const before = cpu(peer.pid)
  while (times.length < leastRuns || times.length < mostRuns && performance.now() - begun < runTime) {
    const asked = performance.now()
    results = await peer.ask(q)
    times.push(performance.now() - asked)
  }
  const used = (cpu(peer.pid) - before) / times.length
  return { name: q.name, runs: times.length, ...quantiles(times), cpu: used, ...digest(await peer.answer(q, results)) }
}

function quantiles(times) {
  times.sort((a, b) => a - b)
  const at = share => times[Math.min(times.length - 1, Math.floor(times.length * share))]
  return { p50: at(0.5), p99: at(0.99) }
}
