// @ts-check
import { spawn } from 'node:child_process'
import { rename } from 'node:fs/promises'
import { constants } from 'node:os'
import path from 'node:path'
import { installOnce, run } from './real-parts-lib/cache.mjs'

/** By what a user calls them. */
const VERSIONS = new Map([
  ['22', '22.23.5'],
  ['24', '24.21.0'],
])
/** Those for which the npm registry has Node's own binary, as a package of one file. */
const PLATFORMS = ['linux-x64', 'linux-arm64']
const USAGE = `Runs a command on another version of Node, with its binary from the npm registry, kept where scripts/real-parts keeps
its parts. Where the binary cannot be had, the command is skipped, and standard error says so.

scripts/on-node ${[...VERSIONS.keys()].join('|')} COMMAND [ARGUMENT…]
`

/** @param {string} version */
function installNode(version) {
  return installOnce(`node-${version}`, async (folder) => {
    const name = `node-${process.platform}-${process.arch}`
    const packed = path.join(folder, `${name}-${version}.tgz`)
    await run('npm', ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`])
    await run('tar', ['-xzf', packed, '-C', folder, 'package/bin/node'])
    await rename(path.join(folder, 'package', 'bin'), path.join(folder, 'bin'))
    await run('rm', ['-r', packed, path.join(folder, 'package')])
  })
}

/**
 * Runs a command to its end with that Node before all others.
 * @param {string} folder
 * @param {readonly string[]} command
 * @returns {Promise<number>}
 */
function runOn(folder, [program = '', ...args]) {
  const searched = [path.join(folder, 'bin'), process.env.PATH].join(path.delimiter)
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, PATH: searched } })
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
  })
}

const [asked = '', ...command] = process.argv.slice(2)
const version = VERSIONS.get(asked)
if (version === undefined || command.length === 0) {
  console.error(USAGE)
  process.exit(2)
}
const platform = `${process.platform}-${process.arch}`
if (PLATFORMS.includes(platform)) process.exitCode = await runOn(await installNode(version), command)
else
  console.error(
    `SKIPPED: Node ${asked} cannot be had for ${platform}, so this does NOT run on it: ${command.join(' ')}`,
  )
