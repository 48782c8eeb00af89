import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Clock, stopOnSignals, systemClock, systemRandom } from '@assay/core'
import { runService } from '@assay/host'
import { embeddedParts, openLake } from '@assay/lake'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeHost, type ServiceName, WORK } from './fake-host.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'service-'))
})
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))

function run(service: ServiceName, host: FakeHost, clock: Clock = systemClock): Promise<number> {
  const stop = stopOnSignals(host, systemClock)
  return runService({ service, work: WORK[service], clock, random: systemRandom, stop }, host)
}

/** A busy machine may take its time. */
const PATIENCE = { timeout: 30_000 }

describe('a service', () => {
  it('ends with 2 and every mistake when its environment is wrong', async () => {
    const host = new FakeHost({ ASSAY_LAKE: folder, ASSAY_BATCH_ROWS: 'many', ASSAY_LOGLEVEL: 'info' })
    expect(await run('bronze', host)).toBe(2)
    expect(host.lines).toHaveLength(1)
    expect(host.lines[0]).toMatchObject({ level: 'fatal', service: 'bronze', code: 'bad_configuration' })
    expect(host.lines[0]?.msg).toContain('ASSAY_BATCH_ROWS must be')
    expect(host.lines[0]?.msg).toContain('did you mean ASSAY_LOG_LEVEL?')
    expect(host.lines[0]?.hint).toContain('docs/configuration.md')
  })

  it('writes no secret to its log, wherever it stands in a line', async () => {
    const host = new FakeHost({ ASSAY_LAKE: join(folder, 'battery-staple'), ASSAY_REGISTRY_TOKEN: 'battery-staple' })
    expect(await run('bronze', host)).toBe(2)
    const text = JSON.stringify(host.lines)
    expect(text).toContain('ASSAY_REGISTRY_URL is missing')
    expect(text).not.toContain('battery-staple')
  })

  it.each(['feed', 'bronze', 'silver', 'gold'] as const)('A7: %s ends with 0 when told to stop', async (service) => {
    const host = new FakeHost({ ASSAY_LAKE: folder, ASSAY_FEED: 'none' })
    const started = host.logged('started')
    const code = run(service, host)
    await started
    host.send('SIGTERM')
    expect(await code).toBe(0)
    expect(host.lines.map((line) => line.msg)).toEqual(['listening', 'started', 'stopping', 'stopped'])
    expect(host.exits).toEqual([])
  })

  it('A7: ends at once at the second signal', async () => {
    const host = new FakeHost({ ASSAY_LAKE: folder })
    const started = host.logged('started')
    const code = run('bronze', host)
    await started
    host.send('SIGTERM')
    host.send('SIGINT')
    await code
    await vi.waitFor(() => expect(host.kills).toEqual(['SIGINT']), PATIENCE)
  })

  it('A7: ends with 1 when the grace time is over', async () => {
    const clock: Clock = {
      ...systemClock,
      sleep: async (ms, signal) => (ms === 777 ? undefined : systemClock.sleep(ms, signal)),
    }
    const host = new FakeHost({ ASSAY_LAKE: folder, ASSAY_GRACE_MS: '777' })
    const started = host.logged('started')
    const code = run('bronze', host, clock)
    await started
    host.send('SIGTERM')
    await code
    await vi.waitFor(() => expect(host.exits).toEqual([1]), PATIENCE)
    expect(host.lines.some((line) => line.code === 'grace_time_over')).toBe(true)
  })

  it('ends with 1, code and hint when its worker fails for good', async () => {
    const env = { ASSAY_LAKE: folder }
    const lake = await openLake({ parts: embeddedParts(folder), clock: systemClock, random: systemRandom })
    const bronze = lake.definitions.find(({ name }) => name === 'bronze_binance_trades')
    if (!bronze) throw new Error('there is no such table')
    const { table } = await lake.table(bronze)
    const { tableKey } = await table.load()
    await lake.close()
    await mkdir(join(folder, tableKey, 'metadata'), { recursive: true })
    await writeFile(join(folder, tableKey, 'metadata', 'v1.metadata.json'), 'torn')
    const host = new FakeHost(env)
    expect(await run('bronze', host)).toBe(1)
    const last = host.lines.at(-1)
    expect(last).toMatchObject({ level: 'fatal', service: 'bronze' })
    expect(last?.code).toMatch(/^[a-z_]+$/)
    expect(last?.code).not.toBe('defect')
    expect(last?.hint).toBeTypeOf('string')
  })

  it('A7: runs as a process of its own, with JSON lines on standard output', async () => {
    const main = fileURLToPath(new URL('../../../services/bronze/dist/main.js', import.meta.url))
    const env = { PATH: process.env.PATH, ASSAY_LAKE: folder }
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    const messages: unknown[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg } = JSON.parse(line) as { msg: string }
      messages.push(msg)
      if (msg === 'started') child.kill('SIGTERM')
    }
    expect(await ended).toEqual([0, null])
    expect(messages).toEqual(['listening', 'started', 'stopping', 'stopped'])
  })
})
