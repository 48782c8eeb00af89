import { readPage } from '../../support/pages.js'

/** DuckDB's extensions as packages, since tests reach no other place to install them from. */
export const EXTENSIONS = ['avro', 'httpfs', 'iceberg']

/** What docs/readers.md has people install. */
export const READERS = [
  ...(/`pip install ([^`]+)`/.exec(readPage('docs/readers.md'))?.[1]?.replaceAll("'", '').split(' ') ?? []),
  'duckdb-extensions==1.5.5',
  ...EXTENSIONS.map((name) => `duckdb-extension-${name}==1.5.5`),
]
