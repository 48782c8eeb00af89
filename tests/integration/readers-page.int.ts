import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemClock, systemRandom } from '@assay/core'
import { loadSources, openSources } from '@assay/feed'
import { embeddedParts, type Lake, type LakeParts, openLake } from '@assay/lake'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPython, pythonWith } from '../../packages/iceberg/test/python-readers.js'
import { type CatalogPart, needs, type S3Part, startCatalog, startS3 } from '../real-parts/real-parts.js'
import { drain } from '../support/drain.js'
import { blocksOf, readPage } from '../support/pages.js'
import { query } from '../support/tables.js'
import { sparkParts } from './foreign-spark.js'
import { EXTENSIONS, READERS } from './support/reader-packages.js'

const run = promisify(execFile)
const LIMIT_MS = 500_000
const page = readPage('docs/readers.md')
const lines = page.split('\n')

/** The page's programs under a heading, by the paragraph before each. */
function programsUnder(heading: string): { readonly title: string; readonly text: string }[] {
  const sectionOf = (line: number): string => lines.slice(0, line).findLast((text) => text.startsWith('## ')) ?? ''
  return blocksOf('docs/readers.md')
    .filter(({ language, line }) => language === 'python' && sectionOf(line) === `## ${heading}`)
    .map(({ text }) => ({ title: /^(?:import|from) (?!os\b)(\w+)/m.exec(text)?.[1] ?? '', text }))
}

const spark = await sparkParts({ s3: false })
const hasServers = await needs('s3', 'catalog')

describe.skipIf(!hasPython())('what docs/readers.md says reads gold, to the last digit', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'readers-page-'))
  const lakes: Lake[] = []
  let python: string

  const type = async (program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const own = { PATH: process.env.PATH, HOME: folder, POLARS_ICEBERG_PLANNER: 'pyiceberg', ...env }
    const { stdout } = await run(program, [...args], { cwd: folder, env: own, timeout: LIMIT_MS })
    return stdout.trim().split('\n').at(-1)?.split(/\s+/)
  }

  /**
   * Runs a program of the page. It leaves as soon as its answer is out: threads of Daft abort an interpreter that closes
   * down, about one in a hundred.
   */
  const answer = (text: string, env: Readonly<Record<string, string>> = {}) =>
    type(python, ['-c', `${text}\nimport os, sys\nsys.stdout.flush()\nos._exit(0)`], env)

  const goldOf = async (lake: Lake): Promise<string[]> => {
    const [row] = await query(
      lake,
      'SELECT count(*)::VARCHAR AS n, sum(quantity)::VARCHAR AS q FROM gold_crypto_trades',
    )
    return [String(row?.n), String(row?.q)]
  }

  /** Fills the lake with the recorded trades, which are all of before 2026, so that the page's filter leaves none out. */
  const filled = async (lake: Lake): Promise<Lake> => {
    lakes.push(lake)
    const { signal } = new AbortController()
    for (const exchange of lake.exchanges) {
      const sources = await openSources(
        exchange.samples.map((sample) => fileURLToPath(sample)),
        process.stdin,
      )
      await loadSources(lake, { exchange, sources, signal, onProgress: () => undefined })
    }
    await drain(lake)
    return lake
  }

  beforeAll(async () => {
    python = await pythonWith(READERS)
    const imports = EXTENSIONS.map((name) => `import_extension("${name}")`).join('; ')
    await type(python, ['-c', `from duckdb_extensions import import_extension; ${imports}`])
  })

  afterAll(async () => {
    for (const lake of lakes) await lake.close()
    rmSync(folder, { recursive: true, force: true })
  })

  describe('a lake in a folder', () => {
    let wanted: string[]

    beforeAll(async () => {
      const parts = embeddedParts(path.join(folder, 'lake'))
      wanted = await goldOf(await filled(await openLake({ parts, clock: systemClock, random: systemRandom })))
    })

    it.each(programsUnder('A lake in a folder'))('$title', async ({ text }) => {
      expect(await answer(text)).toEqual(wanted)
    })

    it('Daft by read_iceberg, too, where nothing was compacted', async () => {
      const text = `
import daft
from pyiceberg.table import StaticTable

gold = daft.read_iceberg(StaticTable.from_metadata("lake/tables/market_data/gold_crypto_trades"))
gold.to_pydict()
print(gold.count_rows(), gold.sum("quantity").to_pydict()["quantity"][0])`
      expect(await answer(text)).toEqual(wanted)
    })

    it.skipIf(!spark)('Spark', async () => {
      const text = blocksOf('docs/readers.md').find(({ language }) => language === 'sh')?.text ?? ''
      // The jar is here already; Spark would ask a registry for it.
      const local = text.replace(/--packages \S+/, `--jars ${spark?.jars}`)
      const bin = path.dirname(spark?.python ?? '')
      expect(await type('bash', ['-c', local], { PATH: `${bin}:${process.env.PATH}` })).toEqual(wanted)
    })
  })

  describe.skipIf(!hasServers)('a bucket, and a REST catalog', () => {
    let s3: S3Part
    let catalog: CatalogPart
    let inBucket: Lake
    let inCatalog: Lake
    let env: Record<string, string>

    beforeAll(async () => {
      s3 = await startS3()
      catalog = await startCatalog({ s3 })
      const { bucket, endpoint, region, credentials } = s3
      env = {
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_REGION: region,
        AWS_ENDPOINT_URL: endpoint,
        ASSAY_CATALOG_URL: catalog.url,
      }
      Object.assign(process.env, {
        AWS_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY: env.AWS_SECRET_ACCESS_KEY,
      })
      const store = {
        kind: 's3' as const,
        bucket,
        endpoint,
        region,
        pathStyle: true,
        sse: undefined,
        cache_bytes: 2 ** 28,
      }
      const open = (prefix: string, more: Partial<LakeParts> = {}) =>
        openLake({
          parts: { ...embeddedParts(path.join(folder, prefix)), store: { ...store, prefix }, ...more },
          clock: systemClock,
          random: systemRandom,
        })
      const { url, warehouse } = catalog
      const rest = { kind: 'rest' as const, url, warehouse, token: undefined, credential: undefined }
      inBucket = await filled(await open('in-bucket'))
      inCatalog = await filled(await open(warehouse, { catalog: rest }))
    })

    afterAll(async () => {
      await catalog?.stop()
      await s3?.stop()
    })

    it.each(programsUnder('A lake in a bucket'))('$title', async ({ text }) => {
      const there = text.replaceAll('s3://trades/lake/', `s3://${s3.bucket}/in-bucket/`)
      expect(await answer(there, env)).toEqual(await goldOf(inBucket))
    })

    it.each(programsUnder('By way of a REST catalog'))('$title, a catalog', async ({ text }) => {
      expect(await answer(text, env)).toEqual(await goldOf(inCatalog))
    })
  })
})
