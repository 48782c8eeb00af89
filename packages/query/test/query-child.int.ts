import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { QueryChild } from '../src/children/query-child.js'
import { QueryPool } from '../src/children/query-pool.js'
import { answerOf, childOptions, codeOf, TRADES } from './support/child.js'
import { readingStatements } from './support/hostile-statements.js'

const ENDLESS = 'select count(*) from range(100000000000) a(i), range(1000) b(k) where i % 7 = k'
const COUNT = 'select count(*) as n from trades'
const ASKER = fileURLToPath(new URL('support/asker.mjs', import.meta.url))

/** A process that has ended, or is only waited for. */
function isGone(pid: number): boolean {
  try {
    if (process.platform !== 'linux') return !process.kill(pid, 0)
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}

async function goneSoon(pid: number): Promise<boolean> {
  for (let i = 0; i < 200 && !isGone(pid); i++) await delay(50)
  return isGone(pid)
}

describe('one child', () => {
  let child: QueryChild
  beforeAll(() => {
    child = new QueryChild(childOptions())
  })
  afterAll(() => child.close())

  test('answers one statement after the other', async () => {
    expect(String(await answerOf(child, 'select id, price from trades where id < 2'))).toBe(
      'id,price\n0,0.0000000000\n1,1.5000000000\n',
    )
    expect(await codeOf(child, 'select * from nothing')).toBe('query_invalid')
    expect(await codeOf(child, "select 'a'::integer")).toBe('query_invalid')
    expect(String(await answerOf(child, 'show tables'))).toBe('name\ntrades\n')
    expect(child.isFit).toBe(true)
  })

  test('Q1: refuses what reads anything but the tables, and is not worn by it', async () => {
    const found: string[] = []
    for (const { name, sql, codes } of readingStatements(childOptions().scratchDirectory)) {
      const code = await codeOf(child, sql)
      if (!codes.includes(code)) found.push(`${name}: ${code}`)
    }
    expect(found).toEqual([])
    expect(child.isFit).toBe(true)
    expect(String(await answerOf(child, COUNT))).toBe('n\n3000\n')
  })

  test.runIf(process.platform === 'linux')('Q1: has nothing of the environment, so no credentials', async () => {
    const pid = child.pid as number
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((line) => line !== '')
    const names = environment.map((line) => line.replace(/=.*$/s, ''))
    const allowed = ['LD_LIBRARY_PATH', 'PWD', 'OLDPWD', 'SHLVL', '_', 'TEMP', 'TMP']
    expect(names.filter((name) => !allowed.includes(name))).toEqual([])
  })

  test.runIf(process.platform === 'linux')('Q3: is held to its limits by the operating system', () => {
    const limits = readFileSync(`/proc/${child.pid}/limits`, 'utf8')
    expect(limits).toMatch(/^Max data size\s+834666496\s+834666496/m)
    expect(limits).toMatch(/^Max core file size\s+0/m)
    expect(limits).toMatch(/^Max cpu time\s+180\s/m)
    expect(limits).toMatch(/^Max file size\s+1073741824\s/m)
    expect(readFileSync(`/proc/${child.pid}/oom_score_adj`, 'utf8').trim()).toBe('1000')
  })
})

describe('Q3: a statement that goes too far is stopped, with a code, and the next one is answered', () => {
  test.each([
    [
      'that ends its process',
      "select json_structure(repeat('[', 500000) || repeat(']', 500000))",
      'query_crashed',
      30_000,
    ],
    ['that needs too much memory', "select length(repeat('x', 1000000000))", 'query_memory', 30_000],
    ['that takes too long', ENDLESS, 'query_timeout', 1_500],
    [
      'that can not be interrupted',
      "select levenshtein(repeat('a', 100000), repeat('b', 100000))",
      'query_timeout',
      1_500,
    ],
  ])('one %s', async (_, sql, code, timeout_ms) => {
    const options = childOptions({ timeout_ms })
    const child = new QueryChild(options)
    // Started beforehand, so that the time is the statement's.
    await codeOf(child, 'select 1')
    const before = process.memoryUsage().rss
    await expect(answerOf(child, sql)).rejects.toMatchObject({ code, hint: expect.stringMatching(/\w{5}/) })
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20)
    expect(child.isFit).toBe(false)
    await child.close()
    expect(isGone(child.pid as number)).toBe(true)
    expect(readdirSync(options.scratchDirectory)).toEqual([])
  })

  test('a pool replaces what was lost, and serves others meanwhile', async () => {
    const pool = new QueryPool({ ...childOptions(), size: 2, spares: 1, waiting_max: 1 })
    try {
      const stop = new AbortController()
      const long = answerOf(pool, ENDLESS, { signal: stop.signal }).catch((error: { code: string }) => error.code)
      expect(String(await answerOf(pool, COUNT))).toBe('n\n3000\n')
      expect(await codeOf(pool, "select json_structure(repeat('[', 500000) || repeat(']', 500000))")).toBe(
        'query_crashed',
      )
      const second = answerOf(pool, COUNT)
      const third = answerOf(pool, COUNT)
      expect(await codeOf(pool, COUNT)).toBe('query_busy')
      expect((await Promise.all([second, third])).map(String)).toEqual(['n\n3000\n', 'n\n3000\n'])
      stop.abort()
      expect(await long).toBe('query_stopped')
    } finally {
      await pool.close()
    }
    expect(await codeOf(pool, COUNT)).toBe('query_stopped')
  })
})

describe('T29: half an answer is never taken for one', () => {
  test('when the child dies in its middle', async () => {
    const child = new QueryChild(childOptions())
    const parts = child.run(
      { sql: "select i, repeat('x', 100) from range(2000000) t(i)", output: { kind: 'stream', format: 'csv' } },
      TRADES,
      new AbortController().signal,
    )
    let bytes = 0
    const read = async (): Promise<void> => {
      for await (const part of parts) {
        if (part.kind === 'bytes' && bytes === 0) process.kill(child.pid as number, 'SIGKILL')
        if (part.kind === 'bytes') bytes += part.bytes.length
        expect(part.kind).not.toBe('end')
      }
    }
    await expect(read()).rejects.toMatchObject({ code: 'query_memory' })
    expect(bytes).toBeGreaterThan(0)
    await child.close()
  })

  test('when its reader leaves early: the child goes with it', async () => {
    const child = new QueryChild(childOptions())
    for await (const part of child.run(
      { sql: 'select i from range(100000000) t(i)', output: { kind: 'stream', format: 'csv' } },
      TRADES,
      new AbortController().signal,
    )) {
      if (part.kind === 'bytes') break
    }
    expect(child.isFit).toBe(false)
    expect(await goneSoon(child.pid as number)).toBe(true)
  })
})

describe('a child never outlives its parent', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)('that ends by %s', async (signal) => {
    const parent = spawn(process.execPath, [ASKER], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (text: Buffer) => resolve(Number(String(text))))
    })
    expect(isGone(pid)).toBe(false)
    parent.kill(signal)
    expect(await goneSoon(pid)).toBe(true)
  })
})
