import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, withLock } from '../../../scripts/real-parts-lib/cache.mjs'

const run = promisify(execFile)

/** Pinned: DuckDB's extensions refuse any other version of DuckDB than their own. */
export const READER_PACKAGES = [
  'pyiceberg[pyarrow]==0.12.0',
  'duckdb==1.5.5',
  'duckdb-extensions==1.5.5',
  'duckdb-extension-iceberg==1.5.5',
  'duckdb-extension-avro==1.5.5',
]

/** True when this machine has Python 3; says so loudly when not, so that a skipped tier is seen. */
export function hasPython(): boolean {
  const found = spawnSync('python3', ['-c', 'import venv, ensurepip'], { stdio: 'ignore' }).status === 0
  if (!found) console.warn('SKIPPED: python3 with venv is missing, so tables are NOT checked with PyIceberg and DuckDB')
  return found
}

/**
 * Path of a Python interpreter that has the packages, in a virtual environment that is made once for a set of packages
 * and kept where the real parts are.
 */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const name = `python-${createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12)}`
  const folder = path.join(cacheFolder(), name)
  const python = path.join(folder, 'bin', 'python')
  const finished = path.join(folder, 'finished')
  await mkdir(cacheFolder(), { recursive: true })
  return withLock(`${folder}.lock`, async () => {
    if (existsSync(finished)) return python
    await rm(folder, { recursive: true, force: true })
    await run('python3', ['-m', 'venv', folder])
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
    await writeFile(finished, packages.join('\n'))
    return python
  })
}

/** Runs a script with arguments and parses what it prints as JSON. */
export async function runPython(python: string, script: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, ['-c', script, ...args], { maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout)
}

/** Reads a table of any schema with PyIceberg: rows, and the sums and field ids asked for. */
export const PYICEBERG_SCRIPT = `
import json, sys
from pyiceberg.table import StaticTable
location, column = sys.argv[1], sys.argv[2]
table = StaticTable.from_metadata(location)
rows = table.scan().to_arrow()
files = list(table.scan().plan_files())
print(json.dumps({
  "rows": rows.num_rows,
  "sum": str(sum(x for x in rows.column(column).to_pylist() if x is not None)),
  "fields": {f.name: f.field_id for f in table.schema().fields},
  "partitions": sorted({str(f.file.partition[0]) for f in files}) if table.spec().fields else [],
  "files": len(files),
  "snapshots": len(table.metadata.snapshots),
  "properties": table.properties,
}))
`

/** Reads a table with DuckDB's iceberg extension. */
export const DUCKDB_SCRIPT = `
import glob, json, os, sys
import duckdb
site = os.path.join(os.path.dirname(os.path.dirname(duckdb.__file__)))
location, column = sys.argv[1], sys.argv[2]
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
for name in ("avro", "iceberg"):
  found = glob.glob(os.path.join(site, f"duckdb_extension_{name}", "extensions", "*", f"{name}.duckdb_extension"))
  connection.execute(f"LOAD '{found[0]}'")
count, total = connection.execute(f'SELECT count(*), sum("{column}") FROM iceberg_scan(?)', [location]).fetchone()
print(json.dumps({"rows": count, "sum": str(total)}))
`
