import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AnsweringProxy } from '../real-parts/answering-proxy.js'
import { needs } from '../real-parts/real-parts.js'
import { assay } from './support/assay.js'
import { type Environment, RealParts } from './support/real-lake.js'

/** Far below what parts themselves would wait: a request of the catalog alone is tried for two minutes. */
const ENDS_MS = 60_000

interface Doctored {
  readonly code: number
  readonly verdict: string
  readonly output: string
  /** The worst level of each check. */
  readonly levels: Readonly<Record<string, string>>
  readonly codes: readonly string[]
  readonly took_ms: number
}

const WORST = ['failure', 'warning', 'ok', 'skipped']

async function doctor(env: Environment): Promise<Doctored> {
  const began_ms = performance.now()
  const { code, stdout, stderr } = await assay(['doctor', '--json'], env)
  const took_ms = performance.now() - began_ms
  const { verdict, findings } = JSON.parse(stdout) as {
    readonly verdict: string
    readonly findings: readonly { readonly check: string; readonly level: string; readonly code: string | null }[]
  }
  const levels: Record<string, string> = {}
  for (const { check, level } of findings) {
    const known = levels[check]
    if (known === undefined || WORST.indexOf(level) < WORST.indexOf(known)) levels[check] = level
  }
  return { code, verdict, output: stdout + stderr, levels, codes: findings.flatMap((one) => one.code ?? []), took_ms }
}

describe.skipIf(!(await needs('kafka', 's3', 'registry')))('assay doctor on real parts', () => {
  let parts: RealParts
  let env: Environment
  let blackHole: Server
  const sockets = new Set<Socket>()
  /** Takes connections and never answers. */
  const silent = (): string => `127.0.0.1:${(blackHole.address() as AddressInfo).port}`

  beforeAll(async () => {
    parts = await RealParts.start()
    env = { ...parts.environment('doctored'), ASSAY_WORK_DIR: parts.workDirectory() }
    const loaded = await assay(['simulate', '--exchange', 'binance', '--count', '200'], env)
    expect([loaded.code, loaded.stderr]).toEqual([0, expect.any(String)])
    expect((await assay(['up', '--drain'], env)).code).toBe(0)
    blackHole = createServer((socket) => sockets.add(socket))
    await new Promise<void>((resolve) => blackHole.listen(0, '127.0.0.1', resolve))
  }, 240_000)
  afterAll(async () => {
    for (const socket of sockets) socket.destroy()
    blackHole?.close()
    await parts?.stop()
  })

  it('finds nothing wrong with what works, and leaves nothing in the bucket', async () => {
    const found = await doctor(env)
    expect(found, found.output).toMatchObject({ code: 0, verdict: 'fine' })
    for (const check of ['lake rights', 'clock', 'catalog', 'tables', 'versions', 'lanes', 'size'])
      expect([check, found.levels[check]]).toEqual([check, 'ok'])
    // One broker keeps one copy, and this registry checks nothing unless it is told to.
    expect(found.levels).toMatchObject({ log: 'warning', registry: 'warning' })
    const lake = await parts.open(env)
    const probes: string[] = []
    for await (const { key } of lake.store.list('assay-probe-')) probes.push(key)
    expect(probes).toEqual([])
  })

  it('tells a bucket that may only be read, and goes on with all that reading is enough for', async () => {
    const proxy = await AnsweringProxy.start(env.ASSAY_S3_ENDPOINT ?? '', ({ method }) =>
      method === 'PUT' || method === 'DELETE' ? 'write' : 'read',
    )
    const body = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>'
    const denied = { status: 403, headers: { 'content-type': 'application/xml' }, body }
    proxy.fault = { kind: 'write', answering: denied, isDone: false }
    const found = await doctor({ ...env, ASSAY_S3_ENDPOINT: proxy.url })
    await proxy.stop()
    expect(found, found.output).toMatchObject({ code: 1, verdict: 'wrong' })
    expect(found.levels).toMatchObject({ 'lake rights': 'failure', tables: 'ok', lanes: 'ok' })
    expect(found.output).toContain('enough for commands that only read')
  })

  it('tells credentials that the bucket refuses, looks at the other parts, and shows no secret', async () => {
    const secret = 'not-the-secret-of-this-store'
    const found = await doctor({ ...env, AWS_SECRET_ACCESS_KEY: secret })
    expect(found, found.output).toMatchObject({ code: 1, verdict: 'wrong' })
    expect(found.levels).toMatchObject({ lake: 'failure', registry: 'warning', log: 'warning', tables: 'skipped' })
    expect(found.output).not.toContain(secret)
  })

  it('ends in time with an outage where parts take connections and never answer, and shows no secret', async () => {
    const secret = 'the-token-of-the-registry'
    const found = await doctor({
      ...env,
      ASSAY_REGISTRY_URL: `http://${silent()}`,
      ASSAY_REGISTRY_TOKEN: secret,
      ASSAY_KAFKA_BROKERS: silent(),
      ASSAY_CATALOG_URL: `http://${silent()}`,
    })
    expect(found, found.output).toMatchObject({ code: 3, verdict: 'outage' })
    expect(found.levels).toMatchObject({ log: 'failure', registry: 'failure', catalog: 'failure', tables: 'skipped' })
    expect(found.took_ms).toBeLessThan(ENDS_MS)
    expect(found.output).not.toContain(secret)
  })

  it('ends in time where the bucket never answers', async () => {
    const found = await doctor({ ...env, ASSAY_S3_ENDPOINT: `http://${silent()}` })
    expect(found, found.output).toMatchObject({ code: 3, verdict: 'outage' })
    expect(found.levels).toMatchObject({ lake: 'failure', registry: 'warning', tables: 'skipped' })
    expect(found.took_ms).toBeLessThan(ENDS_MS)
  })

  it('tells a registry that is stopped', async () => {
    await parts.registry.stop()
    const found = await doctor(env)
    expect(found, found.output).toMatchObject({ code: 3, verdict: 'outage' })
    expect(found.levels).toMatchObject({ registry: 'failure', tables: 'ok', lanes: 'ok' })
    expect(found.codes).toContain('registry_away')
  })
})
