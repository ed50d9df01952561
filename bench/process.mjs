// Server processes on core 1: started, watched, and stopped by their pid.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const tick = 10 // ms: what Linux counts processor time in for readers of /proc

/** start runs a program on core 1 and waits until ready() no longer throws. */
export async function start(program, args, ready, options = {}) {
  const child = spawn('taskset', ['-c', '1', program, ...args],
    { stdio: ['ignore', 'ignore', 'inherit'], ...options })
  for (let tries = 0; ; tries++) {
    try {
      await ready()
      return child
    } catch (err) {
      if (child.exitCode === null && tries < 300) {
        await sleep(100)
        continue
      }
      await stop(child)
      throw new Error(`${program} does not answer: ${err.message}`)
    }
  }
}

/** stop ends a child of start by a signal and waits until it is gone. */
export async function stop(child, signal = 'SIGTERM') {
  if (child.exitCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill(signal)
  await gone
}

/**
 * cpu returns the processor time in ms that a process and its children have
 * used, ended ones included; of this process exactly.
 */
export function cpu(pid) {
  if (pid === process.pid) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : ''
    const [, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(name) !== pid && Number(parent) !== pid) continue
    ticks += rest.slice(9, Number(name) === pid ? 13 : 11).reduce((sum, n) => sum + Number(n), 0)
  }
  return ticks * tick
}

/** read returns the text of a file, "" if its process has just ended. */
function read(file) {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
