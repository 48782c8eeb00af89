import { systemClock, systemRandom } from '@assay/core'
import { openLocalStore } from '@assay/object-store'
import { FileSystemCatalog, createTable, commit, dataFile, planFiles, collect, currentSchema } from '@assay/iceberg'
import { mkdtempSync, rmSync } from 'node:fs'
const dir = mkdtempSync('/work/main/node_modules/.cache-bench-')
const store = await openLocalStore(dir, { random: systemRandom })
const N = Number(process.argv[2] ?? 1000)
let skew = 0
const clock = { ...systemClock, now_ms: () => Date.now() + skew, monotonic_ms: () => performance.now() + skew }
const catalog = new FileSystemCatalog(store, 'tables/t', { clock, random: systemRandom })
const table = await createTable(catalog, 'x', { fields: [{ id: 1, name: 'day', required: false, type: 'date' }, ...Array.from({length:25},(_, i)=>({ id: i+2, name: `c${i}`, required: false, type: 'long' }))], partitionBy: ['day'] }, { store, clock, random: systemRandom })
const cols = new Map(Array.from({length:26},(_, i)=>[i+1, {values: 10, nulls: 0, size_bytes: 100, ...(i? {lower: 1n, upper: 99999999n}:{lower:20000,upper:20000})}]))
const times = []
for (let i = 0; i < N; i++) {
  skew += 1000
  const v = await table.load()
  const { path } = table.newDataFile(v, [20000])
  const f = dataFile(currentSchema(v.metadata), { path, specId: 0, partition: [20000], recordCount: 10, size_bytes: 1000, columns: cols })
  const t = performance.now()
  const o = await commit(table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [f], setProperties: {cp: 'x'.repeat(500)} } }) })
  times.push(performance.now() - t)
  if (o.kind !== 'committed') throw new Error(o.kind)
}
const v = await table.load()
const last = times.slice(-300).sort((a, b) => a - b)
console.log('commit p50', last[150].toFixed(1), 'p99', last[296].toFixed(1), 'snapshots', v.metadata.snapshots.length, 'json', JSON.stringify(v.metadata, (k,x)=>typeof x==='bigint'?Number(x):x).length)
let t = performance.now(); const p = await planFiles(table, v); console.log('plan warm', p.length, (performance.now() - t).toFixed(1))
const t2 = await createTable(new FileSystemCatalog(store, 'tables/t', { clock, random: systemRandom }), 'x', { fields: [], partitionBy: ['day'] }, { store, clock, random: systemRandom }).catch(()=>undefined)
const { Table } = await import('@assay/iceberg')
const fresh = new Table(new FileSystemCatalog(store, 'tables/t', { clock, random: systemRandom }), 'x', { store, clock, random: systemRandom })
t = performance.now(); const fv = await fresh.load(); const tl = performance.now(); const fp = await planFiles(fresh, fv); console.log('cold load', (tl - t).toFixed(1), 'plan', fp.length, (performance.now() - tl).toFixed(1), 'manifests', (await fresh.manifests(fv, fv.metadata.snapshots.at(-1))).length)
t = performance.now(); const c = await collect(fresh); console.log('collect', c.files.length, c.metadataVersions.length, c.waiting, (performance.now()-t).toFixed(1))
rmSync(dir, { recursive: true, force: true })
