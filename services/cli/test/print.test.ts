import { spawnSync } from 'node:child_process'
import { Writable } from 'node:stream'
import { AssayError, OutageError, UsageError } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OptionReader } from '../src/parse/options.js'
import { jsonText } from '../src/print/json.js'
import { LiveLines } from '../src/print/live-lines.js'
import { count, duration, instantOfMicros, percent, size } from '../src/print/numbers.js'
import { resultJson, resultTable } from '../src/print/result.js'
import { tableText } from '../src/print/table.js'
import { exitCodeOf } from '../src/run/exit-code.js'
import { errorText } from '../src/run/run.js'
import { wrapText } from '../src/run/wrap.js'

describe('numbers and times', () => {
  test('are written for people', () => {
    expect([0, 999, 1000, 1234567, -1234567].map(count)).toEqual(['0', '999', '1,000', '1,234,567', '-1,234,567'])
    expect(count(12345678901234567890n)).toBe('12,345,678,901,234,567,890')
    expect([0, 1023, 1024, 5 * 2 ** 30, 2 ** 50].map(size)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '5.0 GiB',
      '1024.0 TiB',
    ])
    expect([0, 59.94, 60, 5400, 86_400].map(duration)).toEqual(['0.0 s', '59.9 s', '1.0 min', '1.5 h', '1.0 d'])
    expect(percent(0.00125)).toBe('0.125 %')
  })

  test('no microsecond is lost, before 1970 neither, and no value throws', () => {
    expect(instantOfMicros(1_762_795_433_971_744n, 'Z')).toBe('2025-11-10T17:23:53.971744Z')
    expect(instantOfMicros(-1n, '')).toBe('1969-12-31T23:59:59.999999')
    expect(instantOfMicros(2n ** 63n - 1n, 'Z')).toBe('infinity')
    expect(instantOfMicros(-(2n ** 63n - 1n), 'Z')).toBe('-infinity')
    expect(instantOfMicros(2n ** 63n - 2n, 'Z')).toBe(`${2n ** 63n - 2n} µs`)
  })
})

describe('results', () => {
  const columns = [
    { name: 'big', type: 'BIGINT' },
    { name: 'price', type: 'DECIMAL(28,10)' },
    { name: 'text', type: 'VARCHAR' },
    { name: 'bytes', type: 'BLOB' },
    { name: 'times', type: 'TIMESTAMP WITH TIME ZONE[]' },
    { name: 'ratio', type: 'DOUBLE' },
  ]
  const rows = [
    [2n ** 63n - 1n, '0.1000000000', 'a "quoted",\nline', Uint8Array.of(0, 255), [0n, null], Number.NaN],
    [7n, null, '', null, [], 0.5],
  ]
  const result = { columns, rows, isTruncated: false }

  test('S3: JSON holds every value exactly', () => {
    expect(JSON.parse(jsonText(resultJson(result)))).toEqual([
      {
        big: '9223372036854775807',
        price: '0.1000000000',
        text: 'a "quoted",\nline',
        bytes: '00ff',
        times: ['1970-01-01T00:00:00.000000Z', null],
        ratio: 'NaN',
      },
      { big: 7, price: null, text: '', bytes: null, times: [], ratio: 0.5 },
    ])
  })

  test('a table shows control characters, which could move the cursor, as escapes', () => {
    const one = { columns: [{ name: 'a', type: 'VARCHAR' }], rows: [['x\u001b[2Jy\u202e']], isTruncated: false }
    expect(resultTable(one)).toContain('x\\x1b[2Jy\\u{202e}')
    expect(resultTable(one)).not.toContain('\u001b')
  })
})

describe('tables', () => {
  const words = fc.array(fc.string({ maxLength: 12, unit: fc.constantFrom(...'abc0,/-') }), { maxLength: 9 })
  const tables = fc.integer({ min: 1, max: 8 }).chain((n) => {
    const text = words.map((some) => some.join(' '))
    const row = fc.array(text, { minLength: n, maxLength: n })
    return fc.record({ heads: row, rows: fc.array(row, { maxLength: 4 }) })
  })

  test('fit the width they have, with a box or with a field a line; no word is lost', () => {
    fc.assert(
      fc.property(tables, fc.constantFrom(40, 60, 80, 120, 200), ({ heads, rows }, width) => {
        const columns = heads.map((head, i) => ({ head, align: i % 2 ? 'right' : 'left' }) as const)
        const text = tableText(columns, rows, width)
        const lines = text.split('\n')
        // Names of fields are never broken, and a value has some room however long they are.
        const least = text.startsWith('┌') ? 0 : Math.max(...heads.map((head) => head.length)) + 18
        expect(lines.filter((line) => line.length > Math.max(width, least))).toEqual([])
        const found = text.replaceAll(/\s|[│┌─┐├┼┤└┴┘┬]/g, '')
        for (const cell of text.startsWith('┌') ? [] : rows.flat()) {
          if (cell.length <= 80) expect(found).toContain(cell.replaceAll(' ', ''))
        }
        const words: readonly string[] = text.match(/[abc0,/-]+/g) ?? []
        for (const cell of text.startsWith('┌') ? rows.flat() : []) {
          if (cell.length > 80) continue
          for (const word of cell.match(/[abc0,/-]+/g) ?? []) expect(words).toContain(word)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('leave out columns that may be where there is no room, and say which', () => {
    const columns = [{ head: 'table' }, { head: 'snapshot', dropped: 1 }, { head: 'checkpoint', dropped: 0 }]
    const row = ['gold_crypto_trades', '8273203637747850', 'market.crypto.trades.binance.raw/0']
    expect(tableText(columns, [row], 80)).toContain('binance.raw/0')
    expect(tableText(columns, [row], 60)).toMatch(
      /8273203637747850.*\(a wider terminal or --json shows checkpoint\)\n$/s,
    )
    expect(tableText(columns, [row], 30)).toMatch(/gold_crypto_trades.*\n {2}shows snapshot, checkpoint\)\n$/s)
  })

  test('say so when they have no rows', () => {
    expect(tableText([{ head: 'a' }, { head: 'long_enough' }], [], 12)).toBe('no rows of\n  a,\n  long_enough\n')
  })

  test('wrap between words while that is enough', () => {
    const columns = [{ head: 'table' }, { head: 'rows', align: 'right' as const }, { head: 'checkpoint' }]
    const row = ['gold_crypto_trades', '1,234', 'market.crypto.trades.binance.raw/0 at 1,234 and 5 more']
    expect(`\n${tableText(columns, [row], 72)}`).toMatchInlineSnapshot(`
      "
      ┌────────────────────┬───────┬───────────────────────────────────────┐
      │ table              │  rows │ checkpoint                            │
      ├────────────────────┼───────┼───────────────────────────────────────┤
      │ gold_crypto_trades │ 1,234 │ market.crypto.trades.binance.raw/0 at │
      │                    │       │ 1,234 and 5 more                      │
      └────────────────────┴───────┴───────────────────────────────────────┘
      "
    `)
    expect(`\n${tableText(columns, [row], 60)}`).toMatchInlineSnapshot(`
      "
      table       gold_crypto_trades
      rows        1,234
      checkpoint  market.crypto.trades.binance.raw/0 at 1,234 and
                  5 more
      "
    `)
  })
})

describe('options', () => {
  test('numbers are read strictly and every mistake is kept', () => {
    const reader = new OptionReader()
    const range = { least: 0, most: 100 }
    expect(reader.integer('a', '12', range)).toBe(12)
    expect(reader.number('b', '0.5', range)).toBe(0.5)
    for (const text of ['abc', '1e2', '0x10', ' 1', '', '1.5', '101', '-1']) reader.integer('c', text, range)
    for (const text of ['.5', 'NaN', 'Infinity', '1,5']) reader.number('d', text, range)
    expect(reader.mistakes).toHaveLength(12)
    expect(reader.mistakes[0]?.text).toBe('--c takes an integer from 0 to 100, not "abc"')
  })
})

describe('errors', () => {
  test('end with 2 for usage, 3 for an outage, 1 otherwise', () => {
    expect(exitCodeOf(new UsageError('a', 'b'))).toBe(2)
    expect(exitCodeOf(new OutageError('a', 'b'))).toBe(3)
    expect(exitCodeOf(new AssayError('a', 'b', { retryable: true }))).toBe(3)
    expect(exitCodeOf(new AssayError('a', 'b'))).toBe(1)
    expect(exitCodeOf(new Error('a'))).toBe(1)
  })

  test('tell what, the code, and how to mend it', () => {
    expect(errorText(new AssayError('paused', 'it is paused', { hint: 'resume it' }))).toBe(
      'error: it is paused [paused]\n  resume it\n',
    )
  })
})

describe('live lines', () => {
  function live(isTerminal: boolean) {
    let text = ''
    const clock = { now: 0, now_ms: () => clock.now, monotonic_ms: () => clock.now, sleep: async () => undefined }
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk)
        done()
      },
    })
    return { lines: new LiveLines(stream, isTerminal, clock), clock, text: () => text }
  }

  test('are redrawn in place on a terminal, and logs come above them', () => {
    const { lines, clock, text } = live(true)
    lines.update(['a', 'b'])
    clock.now = 1_000
    lines.update(['c', 'd'])
    expect(text()).toBe(`a\nb\n${'\u001b[1A\u001b[2K'.repeat(2)}c\nd\n`)
    let logged = ''
    lines.above(() => {
      logged = text()
    })
    expect(logged.endsWith('\u001b[1A\u001b[2K'.repeat(2))).toBe(true)
    expect(text().endsWith('c\nd\n')).toBe(true)
  })

  test('are written plainly every few seconds elsewhere', () => {
    const { lines, clock, text } = live(false)
    for (clock.now = 0; clock.now <= 10_000; clock.now += 1_000) lines.update([`at ${clock.now}`])
    expect(text()).toBe('at 0\nat 5000\nat 10000\n')
  })
})

describe('lines that are too long', () => {
  test('that are commands are read by a shell as they were', () => {
    for (const command of [
      'npx assay sql "FROM gold_crypto_trades LIMIT 5" --lake /a/lake',
      `curl -X PUT "$URL/config/x" -H content-type:application/json -d '{"a":"B"}'`,
    ]) {
      const words = (text: string): string =>
        spawnSync('bash', ['-c', `npx() { printf '%s|' "$@"; }; curl() { npx "$@"; }\n${text}`], { encoding: 'utf8' })
          .stdout
      const wrapped = wrapText(`  ${command}`, 34)
      expect(wrapped).toContain('\n')
      expect(words(wrapped).replaceAll(/\s+/g, ' ')).toBe(words(command))
    }
  })

  test('are broken between words, never between a number and its unit', () => {
    const text = 'dead letters: 9 of 11,110, 0.081 %; 25 ms, 3 MiB of it'
    for (let width = 10; width < text.length; width++) {
      const lines = wrapText(text, width).split('\n')
      expect(lines.map((line) => line.trim()).join(' ')).toBe(text)
      for (const line of lines) expect(line).not.toMatch(/^\s*(%|ms|MiB)/)
    }
  })
})
