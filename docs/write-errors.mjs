// Writes docs/errors.md from the errors in the code.
import { writeFile } from 'node:fs/promises'
import { errorsPage } from './errors-page.mjs'

await writeFile(new URL('errors.md', import.meta.url), errorsPage())
