import { chmodSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { exchanges } from '@assay/exchanges'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assay, type CommandResult } from './support/assay.js'
import { AS_NOBODY, canBreakDisks, SmallDisk } from './support/os-outages.js'

const SAMPLE = fileURLToPath(exchanges.find(({ name }) => name === 'binance')?.samples[0] ?? '')
const COUNT = 'SELECT count(*)::INT AS n FROM gold_crypto_trades'
/** Far more to sort than there is memory, so that it has to spill. */
const SORT = 'SELECT md5(a.trade_id || b.trade_id) AS m FROM gold_crypto_trades a, gold_crypto_trades b ORDER BY m'

/** A command that ends with an outage and says what it was, and what to do. */
const outage = (...said: readonly RegExp[]) => ({
  code: 3,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(said.map(({ source }) => source).join('[^]*'))),
})

describe.skipIf(!canBreakDisks())('A1: commands in an outage of the machine', () => {
  let disk: SmallDisk
  let lake: string
  let work: string
  const run = (args: readonly string[], env = {}): Promise<CommandResult> =>
    assay(args, { ASSAY_LAKE: lake, ...env }, AS_NOBODY)

  beforeAll(async () => {
    disk = new SmallDisk(40)
    lake = path.join(disk.folder, 'lake')
    work = path.join(disk.folder, 'work')
    mkdirSync(work)
    chmodSync(work, 0o777)
    await run(['simulate', '--exchange', 'binance', '--count', '4000'])
    expect((await run(['up', '--drain'])).code).toBe(0)
  })
  afterAll(() => disk?.remove())

  it('on a full disk: load and sql end with 3 and leave nothing behind, and what only reads goes on', async () => {
    const before = disk.files().map(({ name }) => name)
    const [csv, parquet] = ['csv', 'parquet'].map((ending) => path.join(work, `out.${ending}`)) as [string, string]
    disk.fill()
    try {
      const full = outage(/No space left on device|no space left on device/, /_full\]/, /free disk space/)
      expect(await run(['load', SAMPLE, '--exchange', 'binance'])).toEqual(full)
      expect(await run(['sql', COUNT, '--format', 'csv'])).toMatchObject({ code: 0, stdout: 'n\n4000\n' })
      const spilling = ['sql', SORT, '--memory', '64', '-o', '/dev/null', '--format', 'csv']
      expect(await run(spilling, { ASSAY_WORK_DIR: work })).toEqual(
        outage(/No space left on device \[query_disk_failed\]/, /free disk space/),
      )
      expect(await run(['sql', 'FROM gold_crypto_trades', '-o', csv])).toEqual(
        outage(/out\.csv could not be written to its end: the disk is full \[output_failed\]/, /make room there/),
      )
      expect(await run(['sql', 'FROM gold_crypto_trades', '-o', parquet])).toEqual(
        outage(/out\.parquet.*No space left on device \[query_disk_failed\]/, /free disk space/),
      )
    } finally {
      disk.free()
    }
    expect(disk.files().map(({ name }) => name)).toEqual(before)
    expect((await run(['load', SAMPLE, '--exchange', 'binance'])).code).toBe(0)
    expect((await run(['up', '--drain'])).code).toBe(0)
    expect(await run(['verify', '--from-log'])).toMatchObject({ code: 0 })
  })

  it('without rights to the lake: they end with 3 and say so, instead of that there is no lake', async () => {
    const denied = outage(/permission denied/, /store_denied\]/, /give the process read and write access/)
    chmodSync(lake, 0o000)
    try {
      expect(await run(['sql', COUNT])).toEqual(denied)
      expect(await run(['status'])).toEqual(denied)
      expect(await run(['load', SAMPLE, '--exchange', 'binance'])).toEqual(denied)
    } finally {
      chmodSync(lake, 0o755)
    }
  })
})
