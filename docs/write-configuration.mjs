// Writes docs/configuration.md from the settings in the code. Run it after a build.
import { writeFile } from 'node:fs/promises'
import { configurationPage } from '@assay/lake'

await writeFile(new URL('configuration.md', import.meta.url), configurationPage())
