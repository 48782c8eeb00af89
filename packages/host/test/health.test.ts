import { type Clock, OutageError, systemClock } from '@assay/core'
import { describe, expect, test } from 'vitest'
import { SleepingClock } from '../../../tests/support/parts.js'
import { addHealthRoutes, Liveness, Readiness } from '../src/http/health.js'
import { newHttpServer } from '../src/http/server.js'

describe('health', () => {
  test('a loop that has not turned for half an hour hangs; the others do not hide it', async () => {
    const clock = new SleepingClock()
    const liveness = new Liveness(clock)
    const server = newHttpServer(() => undefined)
    addHealthRoutes(server, liveness, new Readiness(clock, () => undefined))
    const ask = async () => {
      const answer = await server.inject('/livez')
      return [answer.statusCode, answer.json()]
    }
    liveness.heartbeat('silver-binance')
    liveness.heartbeat('silver-kraken')
    clock.now += 20 * 60_000
    liveness.heartbeat('silver-kraken')
    expect(await ask()).toEqual([200, { is_live: true, hanging: [] }])
    clock.now += 11 * 60_000
    expect(await ask()).toEqual([503, { is_live: false, hanging: ['silver-binance'] }])
    liveness.heartbeat('silver-binance')
    expect(await ask()).toEqual([200, { is_live: true, hanging: [] }])
  })

  test('a part that does not answer, fails, or breaks is named; probes that come thick ask it once', async () => {
    const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) }
    const defects: unknown[] = []
    const readiness = new Readiness(hasty, (error) => defects.push(error))
    let asked = 0
    readiness.checks = {
      log: () => new Promise(() => undefined),
      store: async () => {
        throw new OutageError('store_away', 'no route to it')
      },
      catalog: async () => {
        throw new TypeError('a secret of ours')
      },
      registry: async () => asked++,
    }
    const reports = await Promise.all([readiness.report(), readiness.report(), readiness.report()])
    expect(reports[2]).toEqual({
      is_ready: false,
      parts: {
        log: 'no_answer: no answer within 2 s (check that it runs and can be reached)',
        store: 'store_away: no route to it',
        catalog: 'defect: see the log',
        registry: 'ok',
      },
    })
    expect(asked).toBe(1)
    expect(defects).toEqual([new TypeError('a secret of ours')])
  })

  test('A7: a loop that waits is named, with what to do, though all that is asked answers; until it goes on', async () => {
    const readiness = new Readiness(new SleepingClock(), () => undefined)
    readiness.checks = { store: async () => undefined }
    expect(await readiness.report()).toEqual({ is_ready: true, parts: { store: 'ok' } })
    readiness.waits('gold', new OutageError('store_full', 'no space left', { hint: 'free disk space' }))
    expect(await readiness.report()).toEqual({
      is_ready: false,
      parts: { store: 'ok', gold: 'store_full: no space left (free disk space)' },
    })
    readiness.goesOn('gold')
    expect(await readiness.report()).toEqual({ is_ready: true, parts: { store: 'ok' } })
    readiness.waits('gold', new OutageError('store_full', 'no space left'))
    // The lake was opened again: its loops begin anew.
    readiness.checks = { store: async () => undefined }
    expect((await readiness.report()).is_ready).toBe(true)
  })
})
