// Writes docs/tables.md from the definitions of tables and views in the code. Run it after a build.
import { writeFile } from 'node:fs/promises'
import { exchanges } from '@assay/exchanges'
import { tablesPage } from '@assay/medallion'

await writeFile(new URL('tables.md', import.meta.url), tablesPage(exchanges))
