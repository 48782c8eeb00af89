import { systemClock, systemRandom } from '@assay/core'
import { openLocalStore } from '@assay/object-store'
import { FileSystemCatalog, createTable, commit, dataFile, planFiles, planFold, collect, currentSchema, Table } from '@assay/iceberg'
import { mkdtempSync, rmSync } from 'node:fs'
const dir = mkdtempSync('/work/main/node_modules/.cache-bench-')
const store = await openLocalStore(dir, { random: systemRandom })
let skew = 0
const clock = { ...systemClock, now_ms: () => Date.now() + skew, monotonic_ms: () => performance.now() + skew }
const deps = { store, clock, random: systemRandom }
const step = Number(process.argv[2])
const catalog = new FileSystemCatalog(store, 'tables/t', deps)
const table = await createTable(catalog, 'x', { fields: [{ id: 1, name: 'day', required: false, type: 'date' }, ...Array.from({length:25},(_, i)=>({ id: i+2, name: `c${i}`, required: false, type: 'long' }))], partitionBy: ['day'] }, deps)
const cols = new Map(Array.from({length:26},(_, i)=>[i+1, {values: 10, nulls: 0, size_bytes: 100, ...(i? {lower: 1n, upper: 99999999n}:{lower:20000,upper:20000})}]))
const mk = (v, rows, size) => dataFile(currentSchema(v.metadata), { path: table.newDataFile(v, [20000]).path, specId: 0, partition: [20000], recordCount: rows, size_bytes: size, columns: cols })
const times = []
const plan = async () => { const r = []; for (let i = 0; i < 9; i++) { const t2 = new Table(new FileSystemCatalog(store, 'tables/t', deps), 'x', deps); const t = performance.now(); const v = await t2.load(); const tl = performance.now(); const p = await planFiles(t2, v); r.push([tl - t, performance.now() - tl, p.length]) } r.sort((a,b)=>a[1]-b[1]); return `cold load ${r[4][0].toFixed(1)} plan ${r[4][1].toFixed(1)} files ${r[4][2]}` }
for (let i = 1; i <= 3600; i++) {
  skew += step
  const v = await table.load()
  const f = mk(v, 10, 100000)
  const t = performance.now()
  const o = await commit(table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [f], setProperties: {cp: 'x'.repeat(500)} } }) })
  times.push(performance.now() - t)
  if (o.kind !== 'committed') throw new Error(o.kind)
  if (i % 10 === 0) { const lv = await table.load(); for (const task of await planFold(table, lv)) { const r = await commit(table, { prepare: () => ({ kind: 'proceed', change: { operation: 'replace', addFiles: [mk(lv, task.rows, task.bytes)], removeFiles: task.files.map(x => x.file.path), plannedAt: task.plannedAt } }) }); if (r.kind !== 'committed') throw new Error(r.kind) } }
  if (i % 60 === 0) await collect(table)
  if (i === 60 || i === 3600) { const s = times.slice(-50).sort((a,b)=>a-b); console.log(i, await plan(), 'commit p50', s[25].toFixed(1), 'snapshots', (await table.load()).metadata.snapshots.length) }
}
const all = times.slice(600).sort((a,b)=>a-b); console.log('steady p50', all[all.length>>1].toFixed(1), 'p95', all[Math.floor(all.length*.95)].toFixed(1), 'p99', all[Math.floor(all.length*.99)].toFixed(1))
rmSync(dir, { recursive: true, force: true })
