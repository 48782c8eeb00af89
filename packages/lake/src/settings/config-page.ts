import { SETTINGS } from './config.js'
import { markdownTable } from './markdown-table.js'
import type { Setting } from './setting.js'

const HEAD = `# Configuration of the services

The feed, bronze, silver and gold services read these environment variables and nothing else. Each service takes all of them,
so that one environment serves all. Any other name that begins with \`ASSAY_\` is a mistake, as is a value that is not
understood: a service then lists every mistake and ends with exit code 2.

This page is made from the code: \`npm run build && node docs/write-configuration.mjs\`.
`

/** The reference page of the settings, in Markdown. */
export function configurationPage(): string {
  const rows = Object.entries<Setting<unknown>>(SETTINGS).map(([name, { fallback, accepts, means }]) => [
    `\`${name}\``,
    `\`${fallback}\``,
    accepts,
    means,
  ])
  return `${HEAD}\n${markdownTable(['name', 'default', 'takes', 'means'], rows)}`
}
