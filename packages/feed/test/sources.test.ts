import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { UsageError } from '@assay/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { chunksOf } from '../../../tests/support/parts.js'
import { closeSources, openSources } from '../src/index.js'

describe('sources', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-sources-'))
    await writeFile(join(folder, 'a.jsonl'), 'a\n')
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('every file that cannot be read is named at once', async () => {
    const opening = openSources([join(folder, 'a.jsonl'), join(folder, 'missing'), folder, '-', '-'], chunksOf('', 1))
    await expect(opening).rejects.toThrow(UsageError)
    await expect(opening).rejects.toThrow(/missing: there is no such file\n.*a folder.*\n.*once only/)
  })

  test.runIf(process.platform === 'linux')('files that are not read, or not to their end, can be closed', async () => {
    await writeFile(join(folder, 'unread.jsonl'), 'a\n'.repeat(2 ** 20))
    await writeFile(join(folder, 'unread.jsonl.gz'), gzipSync('a\n'))
    const openFiles = async (): Promise<number> => {
      const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
      return (await Promise.all(links)).filter((path) => path.includes('unread.jsonl')).length
    }
    const names = ['unread.jsonl', 'unread.jsonl', 'unread.jsonl.gz'].map((name) => join(folder, name))
    const sources = await openSources(names, chunksOf('', 1))
    await sources[0]?.chunks[Symbol.asyncIterator]().next()
    expect(await openFiles()).toBe(3)
    closeSources(sources)
    await vi.waitFor(async () => expect(await openFiles()).toBe(0), { timeout: 30_000 })
  })

  const textOf = async (name: string): Promise<string> => {
    const [source] = await openSources([join(folder, name)], chunksOf('', 1))
    const chunks: Uint8Array[] = []
    for await (const chunk of source?.chunks ?? []) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  test('A6: what is packed with gzip is unpacked as it is read, in one member or several', async () => {
    const text = '{"e":"trade"}\n'.repeat(100_000)
    await writeFile(join(folder, 'one.gz'), gzipSync(text))
    await writeFile(join(folder, 'two.gz'), Buffer.concat([gzipSync('{"a":1}\n'), gzipSync(text)]))
    expect((await textOf('one.gz')) === text).toBe(true)
    expect((await textOf('two.gz')) === `{"a":1}\n${text}`).toBe(true)
  })

  test('what is packed and cut short, or damaged, is told', async () => {
    const packed = gzipSync(randomBytes(10_000))
    await writeFile(join(folder, 'cut.gz'), packed.subarray(0, 5_000))
    const damaged = Buffer.from(packed)
    damaged[5_000] = (damaged[5_000] as number) ^ 0xff
    await writeFile(join(folder, 'damaged.gz'), damaged)
    for (const name of ['cut.gz', 'damaged.gz']) {
      await expect(textOf(name)).rejects.toMatchObject({
        code: 'file_unreadable',
        message: expect.stringContaining(name),
      })
    }
  })

  test.each([
    [
      'id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n1,2,3,6,1735689600000,True,True\n',
      /Binance's CSV of trades/,
    ],
    ['1,2.5,3,7.5,1735689600000100,true,false\r\n', /Binance's CSV of trades/],
    ['26129,0.01633102,4.70443515,27781,27781,1498793709153,true,true\n', /aggregate trades/],
    ['1616663113.25,51234.5,0.0021\n', /time and sales/],
    ['a,b,c\n1,2,3\n', /a CSV file/],
    ['PK\u0003\u0004rest', /a zip archive/],
    ['PAR1....', /a Parquet file/],
    ['Obj\u0001....', /an Avro container file/],
  ])('a file of another kind is known by its beginning and refused with what to do: %j', async (text, kind) => {
    await writeFile(join(folder, 'other'), text)
    await expect(textOf('other')).rejects.toMatchObject({
      code: 'file_unreadable',
      message: expect.stringMatching(kind),
    })
  })

  test.each([
    '',
    '\n\n',
    '{"a":1,"b":2,"c":3}',
    ' \ufeff[1,[["2","3"]],"trade","A/B"]',
    'nonsense, and more\n{"a":1}\n',
    'x,y,z\n{"a":1}',
  ])('anything else is read line by line: %j', async (text) => {
    await writeFile(join(folder, 'text'), text)
    expect(await textOf('text')).toBe(text)
  })

  test('files and standard input are read in the order given', async () => {
    const sources = await openSources(['-', join(folder, 'a.jsonl')], chunksOf('b', 1))
    const texts: string[] = []
    for (const { chunks } of sources) for await (const chunk of chunks) texts.push(Buffer.from(chunk).toString())
    expect(texts).toEqual(['b', 'a\n'])
  })
})
