import { readdir } from 'node:fs/promises'
import { AssayError } from '@assay/core'
import { beforeAll, describe, expect, test } from 'vitest'
import { untilAborted } from '../src/run/stopped.js'
import { here, json, KRAKEN_BTC, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
let lake: string
beforeAll(async () => {
  lake = folder.path('lake')
  await json(['load', KRAKEN_BTC, '--exchange', 'kraken', '--lake', lake])
})

const COMMANDS = [
  ['tables'],
  ['status'],
  ['trace', 'KRAKEN-1'],
  ['dlq'],
  ['dlq', 'show', 'market.crypto.trades.kraken.raw/0/1'],
  ['gaps'],
  ['verify'],
  ['sql', 'FROM gold_crypto_trades'],
  ['replay', '--target-table', 'silver_kraken_trades'],
  ['replay', '--target-table', 'silver_kraken_trades', '--dry-run'],
  ['maintain', '--compact', '--retention'],
  ['load', KRAKEN_BTC, '--exchange', 'kraken'],
  ['simulate', '--exchange', 'kraken', '--count', '10'],
] as const

describe('A7: a signal that comes before the lake is open', () => {
  test.each(COMMANDS.map((args) => [args.join(' '), args] as const))('ends %s with 130', async (_name, args) => {
    const before = await readdir(lake)
    const { code, stdout, stderr } = await here([...args, '--lake', lake], {}, AbortSignal.abort())
    expect([code, stdout.toString(), stderr]).toEqual([130, '', ''])
    expect(await readdir(lake)).toEqual(before)
  })

  test('ends up with 0: nothing was left half done', async () => {
    expect(await here(['up', '--lake', lake], {}, AbortSignal.abort())).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('A7: work that a signal drops', () => {
  test("is not waited for, and its failure is nobody's", async () => {
    const stop = new AbortController()
    const failing = new Promise<never>((_, reject) =>
      stop.signal.addEventListener('abort', () => setTimeout(reject, 5)),
    )
    const dropped = untilAborted(failing, stop.signal)
    stop.abort()
    await expect(dropped).rejects.toMatchObject({ code: 'command_stopped' })
    await new Promise((resolve) => setTimeout(resolve, 20))
  })

  test('keeps its own end when that comes first', async () => {
    const { signal } = new AbortController()
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1)
    const failed = Promise.reject(new AssayError('lake_missing', 'no lake'))
    await expect(untilAborted(failed, signal)).rejects.toMatchObject({ code: 'lake_missing' })
  })
})
