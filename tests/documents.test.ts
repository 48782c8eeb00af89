import { readdirSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { buildProgram } from '../services/cli/src/program.js'

const ROOT = new URL('../', import.meta.url)

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

function filesIn(folder: string, ending: RegExp): string[] {
  const names = readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => ending.test(name)).map((name) => `${folder}${name}`)
}

/** What people type to run each command. */
function commandLines(command: Command, before = 'assay'): string[] {
  return command.commands.flatMap((one) => {
    const line = `${before} ${one.name()}`
    return one.commands.length > 0 ? commandLines(one, line) : [line]
  })
}

it('README.md names every command', () => {
  const readme = read('README.md')
  const lines = commandLines(buildProgram({}, () => undefined))
  expect(lines).toContain('assay gaps accept')
  expect(
    lines.filter((line) => !readme.includes(`\`${line}`)),
    'add these to the table of commands in README.md',
  ).toEqual([])
})

it('every runbook is linked from runbooks/README.md', () => {
  const readme = read('runbooks/README.md')
  const pages = readdirSync(new URL('runbooks/', ROOT)).filter((name) => name !== 'README.md')
  expect(
    pages.filter((name) => !readme.includes(`](${name})`)),
    'link these in runbooks/README.md',
  ).toEqual([])
})

it('every alert has a runbook, and names it', () => {
  const pages = new Set(readdirSync(new URL('runbooks/', ROOT)))
  const alerts = filesIn('monitoring/', /\.ya?ml$/).flatMap((path) =>
    read(path)
      .split(/^\s*- alert: */m)
      .slice(1)
      .map((rule) => ({ name: /^\S+/.exec(rule)?.[0] ?? '', rule })),
  )
  const wanting = alerts.filter(({ name, rule }) => !pages.has(`${name}.md`) || !rule.includes(`runbooks/${name}.md`))
  expect(
    wanting.map(({ name }) => name),
    'write runbooks/NAME.md, and give the alert its address as the annotation runbook_url',
  ).toEqual([])
})
