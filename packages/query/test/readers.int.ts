import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasPython, pythonWith, READER_PACKAGES, runPython } from '../../iceberg/test/python-readers.js'
import { QueryChild } from '../src/index.js'
import { answerOf, childOptions } from './support/child.js'

/** Reads what was exported with pyarrow and Python's own csv and json, each value as the text that it stands for. */
const SCRIPT = `
import csv, datetime, decimal, hashlib, json, sys
import pyarrow as pa, pyarrow.parquet as pq
folder = sys.argv[1]
def instant(table, name):
  return [None if v is None else v for v in table.column(name).cast(pa.int64()).to_pylist()]
def rows(table):
  columns = {name: table.column(name).to_pylist() for name in table.column_names}
  columns["at"] = instant(table, "at")
  return [[columns[name][i] for name in table.column_names] for i in range(table.num_rows)]
def text(value):
  if isinstance(value, bytes): return value.hex()
  if isinstance(value, decimal.Decimal): return format(value, "f")
  if isinstance(value, (list, tuple)): return [text(v) for v in value]
  if isinstance(value, dict): return {k: text(v) for k, v in value.items()}
  if isinstance(value, datetime.date): return value.isoformat()
  if isinstance(value, bool) or value is None or isinstance(value, float): return value
  return str(value)
def digest(rows): return hashlib.sha256(json.dumps([[text(v) for v in row] for row in rows], sort_keys=True).encode()).hexdigest()
arrow = pa.ipc.open_stream(folder + "/x.arrow").read_all()
parquet = pq.read_table(folder + "/x.parquet")
def micros(value):
  if value is None: return None
  whole, fraction = value[:-1].split(".")
  t = datetime.datetime.fromisoformat(whole + "+00:00")
  return int((t - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds()) * 1000000 + int(fraction)
def of_json(rows):
  for row in rows: row["at"] = micros(row["at"])
  return [list(row.values()) for row in rows]
whole = of_json(json.load(open(folder + "/x.json")))
lines = of_json([json.loads(line) for line in open(folder + "/x.ndjson")])
with open(folder + "/x.csv", newline="") as f:
  table = list(csv.DictReader(f))
print(json.dumps({
  "rows": [arrow.num_rows, parquet.num_rows, len(whole), len(lines), len(table)],
  "digests": [digest(rows(arrow)), digest(rows(parquet)), digest(whole), digest(lines)],
  "csv": [sum(decimal.Decimal(r["price"]) for r in table if r["price"]).to_eng_string(), sum(int(r["total"]) for r in table)],
  "sums": [format(sum(v for v in parquet.column("price").to_pylist() if v is not None), "f"), int(sum(parquet.column("total").to_pylist()))],
  "types": {f.name: str(f.type) for f in parquet.schema},
  "arrow": {f.name: str(f.type) for f in arrow.schema},
}))
`

const SQL = `SELECT i AS id, CASE WHEN hash(i) % 7 > 0 THEN ((hash(i) % 1000000000000)::DECIMAL(28,10) * -0.0000000001::DECIMAL(11,10))::DECIMAL(28,10) END AS price,
  9223372036854775807 - i AS big, sum(9223372036854775807) OVER (ORDER BY i) AS total, CASE WHEN i % 5 > 0 THEN 'kä"' || chr(10) || hash(i) END AS key,
  [i, NULL, -i] AS ids, {'p': (i % 100)::DECIMAL(5,2), 'q': [i::HUGEINT]} AS nested, make_timestamptz((hash(i) % 4000000000000000)::BIGINT) AS at,
  DATE '1960-01-01' + (i % 40000)::INTEGER AS day, i % 3 = 0 AS flag, (i % 100)::TINYINT AS small, (hash(i) % 1000) / 8 AS ratio,
  (i::VARCHAR)::BLOB AS raw, ('466e0de0-0000-8000-8000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS uuid
  FROM range(20000) t(i) ORDER BY hash(i)`

describe.skipIf(!hasPython())('S3: other readers find the same in all formats', () => {
  let python: string
  let folder: string
  beforeAll(async () => {
    python = await pythonWith(READER_PACKAGES)
    folder = await mkdtemp(join(tmpdir(), 'assay-readers-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('pyarrow, csv and json: rows, digits and types', async () => {
    const child = new QueryChild(childOptions({ timeout_ms: 300_000, memory_bytes: 2 ** 29 }))
    for (const format of ['csv', 'json', 'ndjson', 'arrow'] as const) {
      await writeFile(join(folder, `x.${format}`), await answerOf(child, SQL, { output: { kind: 'stream', format } }))
    }
    await answerOf(child, SQL, { output: { kind: 'parquet', path: join(folder, 'x.parquet') } })
    await child.close()
    const found = (await runPython(python, SCRIPT, [folder])) as {
      readonly rows: readonly number[]
      readonly digests: readonly string[]
      readonly csv: readonly unknown[]
      readonly sums: readonly unknown[]
      readonly types: Record<string, string>
      readonly arrow: Record<string, string>
    }
    expect(found.rows).toEqual([20_000, 20_000, 20_000, 20_000, 20_000])
    expect(new Set(found.digests).size).toBe(1)
    expect(found.csv.map(String)).toEqual(found.sums.map(String))
    expect(found.types).toMatchObject({
      total: 'decimal128(38, 0)',
      price: 'decimal128(28, 10)',
      at: 'timestamp[us, tz=UTC]',
    })
    expect(found.arrow).toMatchObject({
      total: 'decimal128(38, 0)',
      small: 'int8',
      at: 'timestamp[us, tz=UTC]',
      raw: 'binary',
    })
  })
})
