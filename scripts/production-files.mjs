// Copies what a production install needs into a new folder: manifests, built code and resources, no sources and no tests.
// Build first, then `npm ci --omit=dev --ignore-scripts` in the folder. The container image and its test are made so.
import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const [target = ''] = process.argv.slice(2)
if (target === '') {
  process.stderr.write('usage: node scripts/production-files.mjs FOLDER\n')
  process.exit(2)
}

await mkdir(target, { recursive: true })
if ((await readdir(target)).length > 0) {
  process.stderr.write(`${target} is not empty\n`)
  process.exit(2)
}
for (const file of ['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'README.md']) await copy(file)
for (const group of ['packages', 'services']) {
  for (const name of await readdir(path.join(root, group))) await copyWorkspace(`${group}/${name}`)
}
// `npm ci` runs it; it finds no compiler there.
await copy('scripts/prepare.mjs')

/** @param {string} workspace */
async function copyWorkspace(workspace) {
  await copy(`${workspace}/package.json`)
  const { files = [] } = JSON.parse(await readFile(path.join(root, workspace, 'package.json'), 'utf8'))
  for (const file of files) await copy(`${workspace}/${file}`)
}

/** @param {string} relative */
function copy(relative) {
  return cp(path.join(root, relative), path.join(target, relative), { recursive: true, filter: isWanted })
}

/** @param {string} file */
function isWanted(file) {
  return !/\.(d\.ts|ts|map|tsbuildinfo)$/.test(file)
}
