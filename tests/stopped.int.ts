import { rebuildLake, verifyLake } from '@assay/audit'
import { maintainTables, relocateLake, runRetention } from '@assay/operations'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { produceBinance, tradesWithRejects } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { memoryLake } from './support/memory-lake.js'

const NEVER = new AbortController().signal
const TASKS = new Set(['compact', 'expire', 'orphans'] as const)

describe('A7: a job that is told to stop', () => {
  let lake: ReturnType<typeof memoryLake>
  beforeEach(async () => {
    lake = memoryLake()
    await produceBinance(lake, tradesWithRejects(20, 4))
    await drain(lake, { limits: { maxRows: 5 } })
  })
  afterEach(() => lake.close())

  it('does not begin', async () => {
    const signal = AbortSignal.abort()
    await expect(maintainTables(lake, TASKS, false, signal)).rejects.toMatchObject({ code: 'job_stopped' })
    await expect(runRetention(lake, false, signal)).rejects.toMatchObject({ code: 'job_stopped' })
    await expect(relocateLake(lake, true, signal)).rejects.toMatchObject({ code: 'job_stopped' })
    await checkInvariants(lake)
  })

  it('ends a verification between two checks, and tells of no failure', async () => {
    const stop = new AbortController()
    const told: string[] = []
    const onCheck = ({ outcome }: { readonly outcome: string }): void => {
      told.push(outcome)
      if (told.length === 20) stop.abort()
    }
    const verified = verifyLake(lake, { fromLog: true, signal: stop.signal, onCheck })
    await expect(verified).rejects.toMatchObject({ code: 'session_closed' })
    expect(told).toHaveLength(20)
    expect(told).not.toContain('failed')
  })

  it('ends a verification before its first check', async () => {
    const told: string[] = []
    const onCheck = ({ outcome }: { readonly outcome: string }) => told.push(outcome)
    const verified = verifyLake(lake, { fromLog: false, signal: AbortSignal.abort(), onCheck })
    await expect(verified).rejects.toMatchObject({ code: 'session_closed' })
    expect(told).toEqual([])
  })

  it('ends a rebuild while it compares', async () => {
    const rebuild = async (onEngine: () => void, signal: AbortSignal) => {
      const whole = memoryLake()
      const engine = () => {
        onEngine()
        return whole.engine()
      }
      const options = { compare: true, rules: 'recorded', onEvent: () => undefined } as const
      return rebuildLake(lake, { ...whole, engine }, options, signal).finally(() => whole.close())
    }
    let asked = 0
    expect(await rebuild(() => asked++, NEVER)).toMatchObject({ finished: true, is_same: true })
    // Who asks for the engine last is about to compare.
    const stop = new AbortController()
    const onEngine = (): void => {
      asked -= 1
      if (asked === 0) stop.abort()
    }
    await expect(rebuild(onEngine, stop.signal)).rejects.toMatchObject({ code: 'session_closed' })
  })
})
