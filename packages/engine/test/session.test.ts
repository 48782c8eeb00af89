import { setTimeout as delay } from 'node:timers/promises'
import type { AssayError } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { columnOf, openEngine, quoteIdentifier, quoteText } from '../src/index.js'
import { useEngine } from './fixture.js'

const used = useEngine()

const ENDLESS = 'select count(*) as n from range(100000000000) a(i), range(1000) b(k) where i % 7 = k'

describe('reading', () => {
  it('gives chunks in order, and can be left early', async () => {
    let last = -1n
    for await (const chunk of used.session.read('select range as n from range(3000000)')) {
      const { data } = columnOf(chunk, 'n', 'BIGINT')
      expect(data[0]).toBe(last + 1n)
      last = data[chunk.count - 1] ?? -2n
      if (last > 100_000n) break
    }
    expect(await used.session.rows('select 7 as x')).toEqual([{ x: 7 }])
  })

  it('A6: a stream that is left frees what its sort held', async () => {
    for await (const _ of used.session.read(
      'select range as n, (range * 7919) % 3000017 as h from range(3000000) order by h',
    ))
      break
    const [row] = await used.session.rows('select sum(memory_usage_bytes)::bigint as held from duckdb_memory()')
    expect(Number(row?.held)).toBeLessThan(5_000_000)
  })

  it('passes an error in the middle of a result on', async () => {
    const read = async (): Promise<void> => {
      for await (const _ of used.session.read(
        "select case when range = 900000 then error('stop') end as t from range(1000000)",
      ));
    }
    await expect(read()).rejects.toMatchObject({ code: 'engine_statement_failed' })
    expect(await used.session.rows('select 1 as x')).toEqual([{ x: 1 }])
  })

  it('names the column whose type it does not read', async () => {
    const read = used.session.read('select 1 as a, 2::hugeint as b')[Symbol.asyncIterator]()
    await expect(read.next()).rejects.toMatchObject({
      code: 'unsupported_column_type',
      message: expect.stringContaining('b'),
    })
    expect(await used.session.rows('select 1 as x')).toEqual([{ x: 1 }])
  })

  it('columnOf tells what it expected', async () => {
    for await (const chunk of used.session.read('select 1::integer as a')) {
      expect(() => columnOf(chunk, 'a', 'BIGINT')).toThrow(/a of type BIGINT, found INTEGER/)
      expect(() => columnOf(chunk, 'z', 'BIGINT')).toThrow(/found none/)
      expect(columnOf(chunk, 'a', 'INTEGER').data).toEqual(Int32Array.of(1))
    }
  })
})

describe('small results', () => {
  it('S3: lose no digit', async () => {
    expect(
      await used.session.rows(
        `select 9007199254740993::bigint as big, 0.1::decimal(28,10) as d, timestamptz '2026-01-01 00:00:00.000001+00' as t,
         date '1969-12-31' as day, '\\x00\\xFF'::blob as raw, ['a', null] as list, {'k': 1.5::decimal(28,10)} as s, null as nothing,
         '00000000-0000-8000-8000-000000000001'::uuid as id, true as flag, 1.5::double as x`,
      ),
    ).toEqual([
      {
        big: 9007199254740993n,
        d: '0.1000000000',
        t: 1_767_225_600_000_001n,
        day: -1,
        raw: Buffer.from([0, 255]),
        list: ['a', null],
        s: { k: '1.5000000000' },
        nothing: null,
        id: '00000000-0000-8000-8000-000000000001',
        flag: true,
        x: 1.5,
      },
    ])
  })

  it('A6: end at the limit of rows, and of bytes, with an error', async () => {
    expect(await used.session.rows('from range(5)', 5)).toHaveLength(5)
    await expect(used.session.rows('from range(6)', 5)).rejects.toMatchObject({ code: 'too_many_rows' })
    await expect(used.session.rows("select repeat('x' || range, 40000000) as t from range(1)")).rejects.toMatchObject({
      code: 'result_too_large',
    })
    await expect(used.session.rows('select list(i) as t from range(6000000) x(i)')).rejects.toMatchObject({
      code: 'result_too_large',
    })
  })

  it('an SQL mistake keeps the message of the parser', async () => {
    await expect(used.session.rows('selec 1')).rejects.toMatchObject({ message: expect.stringContaining('selec') })
    await expect(used.session.rows('select 1; select 2')).rejects.toMatchObject({
      message: expect.stringContaining('2'),
    })
    await expect(used.session.rows('')).rejects.toMatchObject({ code: 'engine_statement_failed' })
  })

  it('quoted names and texts stay what they are', async () => {
    const odd = `a"b'c`
    expect(await used.session.rows(`select ${quoteText(odd)} as ${quoteIdentifier(odd)}`)).toEqual([{ [odd]: odd }])
  })
})

describe('a session', () => {
  it('does one thing at a time', async () => {
    const first = used.session.rows('select 1 as x')
    await expect(used.session.run('select 2')).rejects.toMatchObject({ code: 'session_busy' })
    expect(await first).toEqual([{ x: 1 }])
    for await (const _ of used.session.read('select 1 as x')) {
      await expect(used.session.run('select 2')).rejects.toMatchObject({ code: 'session_busy' })
    }
  })

  it('keeps its temporary tables to itself', async () => {
    const other = await used.engine.session()
    const table = (n: bigint) => [{ name: 'n', column: { type: 'BIGINT', data: BigInt64Array.of(n) } }] as const
    await Promise.all([used.session.load('mine', table(1n), 1), other.load('mine', table(2n), 1)])
    expect(await used.session.rows('select n from mine')).toEqual([{ n: 1n }])
    expect(await other.rows('select n from mine')).toEqual([{ n: 2n }])
    await other.close()
  })

  it('can be interrupted and goes on', async () => {
    const running = used.session.run(ENDLESS)
    const settled = running.catch((error: unknown) => error)
    await delay(100)
    used.session.interrupt()
    expect(await settled).toMatchObject({ code: 'engine_interrupted' })
    expect(await used.session.rows('select 1 as x')).toEqual([{ x: 1 }])
  })

  it('A7: closes while a statement runs, without waiting for its end', async () => {
    const other = await used.engine.session()
    const running = other.run(ENDLESS).catch((error: unknown) => error)
    await delay(50)
    await other.close()
    expect(await running).toMatchObject({ code: 'engine_interrupted' })
    await expect(other.rows('select 1')).rejects.toMatchObject({ code: 'session_closed' })
  })

  it('A7: an interrupt says so, wherever between the steps of a statement it falls', async () => {
    const codes = new Set<string>()
    for (let i = 0; i < 150; i += 1) {
      let isSettled = false
      const settled = used.session.rows('select range from range(3000)').then(
        () => 'passed',
        (error: AssayError) => error.code,
      )
      void settled.then(() => {
        isSettled = true
      })
      for (let turn = 0; turn < i % 30; turn += 1) await new Promise((next) => setImmediate(next))
      if (!isSettled) used.session.interrupt()
      codes.add(await settled)
    }
    codes.delete('passed')
    expect([...codes]).toEqual(['engine_interrupted'])
  })

  it('A7: an engine that is closed while a session opens closes it, too, and opens no other', async () => {
    const engine = await openEngine({ memoryLimit_bytes: 64 * 2 ** 20, threads: 1, tempDirectory: used.folder })
    const opening = engine.session()
    await Promise.all([engine.close(), engine.close()])
    await expect((await opening).rows('select 1')).rejects.toMatchObject({ code: 'session_closed' })
    await expect(engine.session()).rejects.toMatchObject({ code: 'session_closed' })
  })

  it('A7: who closes a session that another is closing waits for the same end', async () => {
    const other = await used.engine.session()
    let isEnded = false
    const running = other.run(ENDLESS).catch(() => undefined)
    void running.then(() => {
      isEnded = true
    })
    await delay(50)
    void other.close()
    await other.close()
    expect(isEnded).toBe(true)
  })

  it('loads without holding up the event loop', async () => {
    const count = 100_000
    const data = BigInt64Array.from({ length: count }, (_, i) => BigInt(i))
    const columns = Array.from({ length: 20 }, (_, i) => ({ name: `c${i}`, column: { type: 'BIGINT' as const, data } }))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await used.session.load('wide', columns, count)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })
})
