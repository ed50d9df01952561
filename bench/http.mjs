// HTTP as a patient client speaks it: connections stay open.

import http from 'node:http'

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })

/** request sends a body (text, bytes or a stream) and returns the whole answer. */
export function request(method, url, { headers, body, discard } = {}) {
  return new Promise((resolve, reject) => {
    const r = http.request(url, { method, headers, agent }, answer => {
      const chunks = []
      let lines = 0
      answer.on('data', chunk => {
        if (!discard || answer.statusCode !== 200) return chunks.push(chunk)
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
      })
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks)
        if (answer.statusCode < 300) return resolve(discard ? lines : text)
        reject(new Error(`${method} ${url.slice(0, 200)}: ${answer.statusCode} ${text.toString().slice(0, 500)}`))
      })
    })
    r.on('error', reject)
    if (body?.pipe) body.pipe(r)
    else r.end(body)
  })
}
