// @ts-check
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/** @typedef {(code: string, file: string) => string} Rewrite */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Loads a module with all of the project's source that it imports as one file, which is much cheaper than hundreds.
 * @param {string} file from the project's root
 * @param {Rewrite} [rewrite] the source of each file as it is to be
 * @returns {Promise<any>}
 */
export async function loadBundled(file, rewrite = (code) => code) {
  // Packages are found from there, and nothing else looks there.
  const folder = await mkdtemp(path.join(ROOT, 'node_modules', '.simulation-'))
  try {
    const outfile = path.join(folder, 'bundle.mjs')
    await build({
      entryPoints: [path.join(ROOT, file)],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      conditions: ['assay-source'],
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'error',
      plugins: [sourceOnly(rewrite)],
    })
    // So that an error names the line of the source.
    process.setSourceMapsEnabled(true)
    return await import(pathToFileURL(outfile).href)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Bundles the project's own files only, each with the address that it has where it lies.
 * @param {Rewrite} rewrite
 * @returns {import('esbuild').Plugin}
 */
function sourceOnly(rewrite) {
  return {
    name: 'source-only',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
        name.startsWith('@assay/') || kind === 'entry-point' ? undefined : { path: name, external: true },
      )
      onLoad({ filter: /\.ts$/ }, async ({ path: source }) => ({
        contents: rewrite(await readFile(source, 'utf8'), source)
          .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(source).href))
          .replaceAll('import.meta.dirname', JSON.stringify(path.dirname(source))),
        loader: 'ts',
      }))
    },
  }
}
