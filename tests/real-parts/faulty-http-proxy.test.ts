import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultyHttpProxy, type HttpFaults, NO_HTTP_FAULTS } from './faulty-http-proxy.js'

interface Arrived {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly host: string | undefined
  readonly body: string
}

describe('a proxy that fails on purpose', () => {
  let server: Server
  let proxy: FaultyHttpProxy
  let arrived: Arrived[]
  const set = (faults: Partial<HttpFaults>): void => {
    proxy.faults = { ...NO_HTTP_FAULTS, ...faults }
  }
  const put = (body = 'x'): Promise<Response> => fetch(`${proxy.url}/a`, { method: 'PUT', body })

  beforeEach(async () => {
    arrived = []
    server = createServer(async (incoming: IncomingMessage, outgoing) => {
      const { method, url: path, headers } = incoming
      arrived.push({ method, path, host: headers.host, body: await text(incoming) })
      outgoing.writeHead(201, { etag: '"1"' }).end(`answer to ${method}`)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    proxy = await FaultyHttpProxy.start({ target, seed: 7 })
  })

  afterEach(async () => {
    await proxy.stop()
    server.closeAllConnections()
    server.close()
  })

  it('passes method, path, Host, body, status and headers unchanged', async () => {
    const body = 'y'.repeat(1_000_000)
    const response = await fetch(`${proxy.url}/bucket/a%20b?x=1`, { method: 'PUT', body })
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([
      201,
      '"1"',
      'answer to PUT',
    ])
    const host = new URL(proxy.url).host
    expect(arrived).toEqual([{ method: 'PUT', path: '/bucket/a%20b?x=1', host, body }])
  })

  it('answers the asked share with 503, and the server never sees those', async () => {
    set({ status503_fraction: 0.5 })
    const statuses: number[] = []
    for (let i = 0; i < 200; i++) statuses.push((await put()).status)
    const refused = statuses.filter((status) => status === 503).length
    expect(refused).toBeGreaterThan(70)
    expect(refused).toBeLessThan(130)
    expect(arrived).toHaveLength(200 - refused)
    const counts = { requests: 200, answered503: refused, lostResponses: 0, forwarded: 200 - refused }
    expect(proxy.counts).toEqual(counts)
  })

  it('loses the response of every third put, which the server has done; other methods are spared', async () => {
    set({ loseResponseOfEveryNthPut: 3 })
    const outcomes: (number | 'lost')[] = []
    for (let i = 0; i < 6; i++) {
      outcomes.push(
        await put().then(
          (response) => response.status,
          () => 'lost' as const,
        ),
      )
      expect((await fetch(`${proxy.url}/a`)).status).toBe(201)
    }
    expect(outcomes).toEqual([201, 201, 'lost', 201, 201, 'lost'])
    expect(arrived.filter(({ method }) => method === 'PUT')).toHaveLength(6)
    expect(proxy.counts).toMatchObject({ lostResponses: 2, forwarded: 12 })
  })

  it('is slow while told so', async () => {
    set({ latency_ms: 200 })
    const from_ms = performance.now()
    await put()
    expect(performance.now() - from_ms).toBeGreaterThanOrEqual(195)
  })

  it('cuts the connection when the server is gone', async () => {
    server.closeAllConnections()
    server.close()
    await expect(put()).rejects.toThrow()
  })
})
