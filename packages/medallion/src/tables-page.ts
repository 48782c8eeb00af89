import type { Exchange } from '@assay/exchanges'
import { type ColumnSpec, columnSpecs, type TableDefinition } from '@assay/pipeline'
import type { Layer, View } from './layer.js'
import { LAYERS } from './layers.js'

const HEAD = `# Tables and views

Every column of every table and view. Tables are in the namespace \`market_data\`; \`assay sql\` knows them and the views, and
[readers.md](readers.md) how other engines read the tables. "Null" says when a column has no value; where it says nothing there is
always one. A column that a later version brought has no value in older rows.

All times are UTC, and those of the type \`timestamptz\` are exact to the microsecond. All partitioning is by the columns
themselves (identity). Files that compaction wrote are sorted as told; a table as a whole is not.

This page is made from the code: \`npm run build && node docs/write-tables.mjs\`.
`

/** The version whose tables had all columns that don't say otherwise. */
const FIRST_VERSION = '0.1.0'

interface Described {
  readonly names: string[]
  readonly means: string | undefined
  readonly specs: readonly ColumnSpec[]
  /** False for a view, which keeps nothing. */
  readonly isKept: boolean
  readonly notes: readonly string[]
}

/** The reference page of tables and views, in Markdown. */
export function tablesPage(exchanges: readonly Exchange[], layers: readonly Layer[] = LAYERS): string {
  const sections = layers.map((layer) => {
    const mains = layer.workers(exchanges).map(({ main }) => main)
    const tables = merged([...mains, ...layer.sides].map(describeTable))
    const described = [...tables, ...layer.views(exchanges).map(describeView)]
    return `## ${layer.name[0]?.toUpperCase()}${layer.name.slice(1)}\n\n${described.map(section).join('\n')}`
  })
  return `${HEAD}\n${sections.join('\n')}`
}

/** Tables of several exchanges that have the same columns are told once. */
function merged(tables: readonly Described[]): Described[] {
  const found = new Map<string, Described>()
  for (const table of tables) {
    const key = JSON.stringify([table.means, table.specs, table.notes])
    const known = found.get(key)
    if (known) known.names.push(...table.names)
    else found.set(key, table)
  }
  return [...found.values()]
}

function describeTable(table: TableDefinition): Described {
  const { name, means, partitionBy, orderBy, coordinates } = table
  const list = (columns: readonly string[]): string => columns.map((column) => `\`${column}\``).join(', ')
  const key = coordinates && [coordinates.topic, coordinates.partition, coordinates.offset]
  return {
    names: [name],
    means,
    specs: columnSpecs(table),
    isKept: true,
    notes: [
      partitionBy.length === 0 ? 'Not partitioned.' : `Partitioned by ${list(partitionBy)}.`,
      `Compacted files are sorted by ${list(orderBy)}.`,
      ...(key ? [`The coordinates of a row are ${list(key)}.`] : []),
    ],
  }
}

function describeView({ name, means, columns, reads }: View): Described {
  const tables = reads.map((table) => `\`${table}\``).join(', ')
  return { names: [name], means, specs: columns, isKept: false, notes: [`A view over ${tables}.`] }
}

function section({ names, means, specs, isKept, notes }: Described): string {
  const rows = specs.map(([name, type, meaning, facts]) => {
    const cells = [`\`${name}\``, `\`${type}\``, facts?.unit ?? '', meaning ?? '', facts?.nullWhen ?? '']
    return `| ${[...cells, ...(isKept ? [facts?.since ?? FIRST_VERSION] : [])].join(' | ')} |`
  })
  const titles = ['column', 'type', 'unit', 'what it holds', 'null', ...(isKept ? ['since'] : [])]
  const head = `| ${titles.join(' | ')} |\n|${' --- |'.repeat(titles.length)}`
  const title = names.map((name) => `\`${name}\``).join(', ')
  return `### ${title}\n\n${means ?? ''} ${notes.join(' ')}\n\n${head}\n${rows.join('\n')}\n`
}
