import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HttpFailure, requestText } from '../src/index.js'

let server: Server
let url: string
let answer: RequestListener
let requests: number

beforeEach(async () => {
  requests = 0
  server = createServer((incoming, outgoing) => {
    requests += 1
    answer(incoming, outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const ask = (bounds = {}): Promise<unknown> =>
  requestText(
    url,
    { method: 'GET', headers: { authorization: 'Bearer battery-staple' } },
    { timeout_ms: 30_000, answerBytesMax: 1_000, ...bounds },
  )

test('an answer comes whole, whatever its status, and no redirection is followed', async () => {
  answer = (_, outgoing) => outgoing.writeHead(307, { location: url, 'content-type': 'text/plain' }).end('over there')
  expect(await ask()).toEqual({ status: 307, type: 'text/plain', etag: undefined, text: 'over there' })
  expect(requests).toBe(1)
})

test('S4: an answer without end, in time or size, is a failure, and so is a cut one', async () => {
  answer = (_, outgoing) => void outgoing.write('{')
  await expect(ask({ timeout_ms: 50 })).rejects.toThrow(new HttpFailure('not within 0.05 s'))
  answer = (_, outgoing) => void outgoing.end('x'.repeat(1_001))
  await expect(ask()).rejects.toThrow(new HttpFailure('the answer is longer than 1000 bytes'))
  answer = (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(9_999)))
  await expect(ask()).rejects.toThrow(new HttpFailure('the answer is longer than 1000 bytes'))
  answer = (incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-length': 100 }).write('{"id"')
    setTimeout(() => incoming.socket.destroy(), 10)
  }
  await expect(ask()).rejects.toThrow(HttpFailure)
  answer = (_, outgoing) => void outgoing.writeHead(407).end()
  await expect(ask()).rejects.toThrow(new HttpFailure('no answer, or a proxy that wants a login'))
})

test('failure 22: a failure has no cause', async () => {
  answer = (incoming) => void incoming.socket.destroy()
  const failed = await ask().catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(HttpFailure)
  expect((failed as Error).cause).toBeUndefined()
})
