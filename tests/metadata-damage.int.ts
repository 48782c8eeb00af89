import { verifyLake } from '@assay/audit'
import { describe, expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import {
  BRONZE,
  damage,
  goesOnOrStops,
  lagging,
  reopened,
  SHORT,
  SILVER,
  setSequences,
} from './support/metadata-damage.js'

describe('numbers of metadata that cannot be', () => {
  it('T26: a lowered last-sequence-number is lived with, and the next rows arrive', async () => {
    const origin = await lagging()
    const lake = await reopened(origin)
    for (const table of [BRONZE, SILVER]) {
      await damage(lake, table, (metadata) => {
        metadata['last-sequence-number'] = 2
      })
    }
    expect(await failedChecks(lake)).toEqual([BRONZE.name, SILVER.name])
    expect(await goesOnOrStops(lake)).toBe('right')
    for (const each of [lake, origin]) await each.close()
  })

  it('T26: a lane whose sequence is above its upstream stops, names both and goes on with --adopt', async () => {
    const origin = await lagging()
    const lake = await reopened(origin)
    await damage(lake, SILVER, (metadata) => setSequences(metadata, 10_000))
    const before = (await (await lake.table(SILVER)).pin()).version.token
    await expect(drain(lake)).rejects.toMatchObject({
      code: 'lane_ahead_of_upstream',
      message: expect.stringMatching(/lane .+\/\d .* 10000 of bronze_binance_trades/),
      hint: expect.stringContaining('--adopt'),
    })
    expect((await (await lake.table(SILVER)).pin()).version.token).toBe(before)
    expect(await failedChecks(lake)).toEqual([SILVER.name])
    await drain(lake, { adopt: true, limits: { maxRows: 5 } })
    await checkInvariants(lake)
    for (const each of [lake, origin]) await each.close()
  })

  it.each([undefined, SHORT])(
    'T26: a lane whose sequence was raised to one that upstream has reached skips nothing',
    async (maintenance) => {
      const origin = await lagging(maintenance)
      const { sequence } = await (await origin.table(BRONZE)).pin()
      const lake = await reopened(origin, maintenance)
      await damage(lake, SILVER, (metadata) => setSequences(metadata, sequence))
      expect(await goesOnOrStops(lake)).toBe('right')
      for (const each of [lake, origin]) await each.close()
    },
  )

  it('T26: metadata that breaks the format names the table, the file and the field', async () => {
    const origin = await lagging()
    await damage(origin, BRONZE, ({ snapshots }) => {
      const [first, second] = snapshots
      if (first && second) second['sequence-number'] = first['sequence-number']
    })
    const lake = await reopened(origin)
    await expect(drain(lake)).rejects.toMatchObject({
      code: 'metadata_inconsistent',
      message: expect.stringMatching(
        /^table bronze_binance_trades, .*v\d+\.metadata\.json: snapshots\[1\]\.sequence-number: /,
      ),
      hint: expect.stringContaining('restore'),
    })
    for (const each of [lake, origin]) await each.close()
  })
})

/** Tables of which verify says that numbers of their metadata cannot be. */
async function failedChecks(lake: Parameters<typeof verifyLake>[0]): Promise<string[]> {
  const { checks } = await verifyLake(lake, {
    fromLog: false,
    signal: new AbortController().signal,
    onCheck: () => undefined,
  })
  return checks
    .filter(({ promise, outcome }) => promise === 'A12' && outcome === 'failed')
    .map(({ subject }) => subject)
}
