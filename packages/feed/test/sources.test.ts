import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '@assay/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chunksOf } from '../../../tests/support/parts.js'
import { openSources } from '../src/index.js'

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

  test('files and standard input are read in the order given', async () => {
    const sources = await openSources(['-', join(folder, 'a.jsonl')], chunksOf('b', 1))
    const texts: string[] = []
    for (const { chunks } of sources) for await (const chunk of chunks) texts.push(Buffer.from(chunk).toString())
    expect(texts).toEqual(['b', 'a\n'])
  })
})
