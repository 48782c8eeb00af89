import { describe, expect, it } from 'vitest'
import { columnOf, openEngine } from '../src/index.js'
import { useEngine } from './fixture.js'

const used = useEngine()

describe('a session and results larger than its memory', () => {
  it('A6: keeps to bounded memory however long the result', async () => {
    let most = 0
    const before = process.memoryUsage().rss
    for await (const chunk of used.session.read("select repeat('x', 500) as t from range(2000000)")) {
      most = Math.max(most, process.memoryUsage().rss - before)
      if (chunk.count === 0) throw new Error('an empty chunk')
    }
    expect(most).toBeLessThan(700 * 2 ** 20)
  })

  it('A6: sorts more than its memory holds by spilling', async () => {
    const engine = await openEngine({
      memoryLimit_bytes: 64 * 2 ** 20,
      threads: 2,
      tempDirectory: `${used.folder}/small`,
    })
    const session = await engine.session()
    let [rows, last] = [0, '']
    const sql = 'select md5(range::varchar) || md5((range + 1)::varchar) as t from range(1200000) order by t'
    for await (const chunk of session.read(sql)) {
      const { data, offsets } = columnOf(chunk, 't', 'VARCHAR')
      const first = Buffer.from(data.subarray(offsets[0], offsets[1])).toString()
      expect(first >= last).toBe(true)
      last = Buffer.from(data.subarray(offsets[chunk.count - 1], offsets[chunk.count])).toString()
      rows += chunk.count
    }
    expect(rows).toBe(1_200_000)
    await engine.close()
  })

  it('A6: past the limit of its temporary folder it says so, and goes on', async () => {
    const engine = await openEngine({
      memoryLimit_bytes: 64 * 2 ** 20,
      threads: 2,
      tempDirectory: `${used.folder}/tiny`,
      tempLimit_bytes: 16 * 2 ** 20,
    })
    const session = await engine.session()
    const sort = session.run(
      'create temp table t as select md5(range::varchar) || range as t from range(4000000) order by t',
    )
    await expect(sort).rejects.toMatchObject({ code: 'engine_out_of_memory' })
    expect(await session.rows('select 1 as x')).toEqual([{ x: 1 }])
    await engine.close()
  })
})
