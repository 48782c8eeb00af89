// One of several processes that append to a table at once; takes the folder, its number and the count of commits.
import { systemClock, systemRandom } from '@assay/core'
import { commit, dataFile, FileSystemCatalog } from '@assay/iceberg'
import { openLocalStore } from '@assay/object-store'
import { openTable } from '../dist/evolution/create-table.js'

const [folder, writer, commits] = process.argv.slice(2)
const dependencies = {
  store: await openLocalStore(folder, { random: systemRandom }),
  clock: systemClock,
  random: systemRandom,
}
const table = await openTable(
  new FileSystemCatalog(dependencies.store, 'tables/test', dependencies),
  'trades',
  dependencies,
)
for (let i = 0; i < Number(commits); i += 1) {
  const { metadata } = await table.load()
  const file = dataFile(metadata.schemas[0], {
    path: `${metadata.location}/data/${writer}-${i}.parquet`,
    specId: 0,
    partition: [20_000],
    recordCount: 1,
    size_bytes: 1,
    columns: new Map(),
  })
  const outcome = await commit(table, {
    prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [file] } }),
  })
  if (outcome.kind !== 'committed') throw new Error(outcome.kind)
}
