// @ts-check
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

const JVM_FOLDER = '/usr/lib/jvm'

/** @type {Map<string, number>} */
const javaVersions = new Map()

/** This machine lacks what a part needs. Anything else that goes wrong is a plain failure. */
export class CannotBeHad extends Error {}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function answers(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 60_000 }).status === 0
}

/** Says whether Maven is here. */
export const hasMaven = () => answers('mvn', ['-v'])

/** Says whether the Go toolchain is here. */
export const hasGo = () => answers('go', ['version'])

/** Says whether Python 3 can make virtual environments. */
export const hasPython = () => answers('python3', ['-c', 'import venv, ensurepip'])

/**
 * Path of a `java` of the version or a newer one: that of JAVA_HOME, the one on the PATH, or one under /usr/lib/jvm.
 * @param {number} version
 * @returns {string}
 */
export function javaOf(version) {
  const home = process.env.JAVA_HOME
  const installed = existsSync(JVM_FOLDER) ? readdirSync(JVM_FOLDER) : []
  const candidates = [
    ...(home ? [path.join(home, 'bin', 'java')] : []),
    'java',
    ...installed.map((name) => path.join(JVM_FOLDER, name, 'bin', 'java')),
  ]
  const found = candidates.find((java) => javaVersion(java) >= version)
  if (found === undefined) {
    throw new CannotBeHad(`Java ${version} or newer is missing: not in JAVA_HOME, on the PATH or under ${JVM_FOLDER}`)
  }
  return found
}

/** @param {string} java */
function javaVersion(java) {
  const known = javaVersions.get(java)
  if (known !== undefined) return known
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8', timeout: 60_000 })
  const version = Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0)
  javaVersions.set(java, version)
  return version
}
