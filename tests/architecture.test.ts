import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FILES_A_FOLDER_MAX = 15
const FILES_A_PACKAGE_MAX = 60
const SHARE_OF_LINES_MAX = 0.2
/** Files that put a package together: they name its folders, whose files take words from beside them. */
const COMPOSERS = new Set(['index.ts', 'main.ts', 'program.ts', 'layers.ts', 'exchanges.ts'])

interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly string[]
}

interface Package {
  readonly folder: string
  readonly name: string
  readonly dependencies: readonly string[]
  readonly exports: unknown
  readonly sources: readonly Source[]
}

const PACKAGES = ['packages', 'services'].flatMap((parent) =>
  readdirSync(join(ROOT, parent)).map((name) => readPackage(join(ROOT, parent, name))),
)

function readPackage(folder: string): Package {
  const { name, dependencies = {}, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return {
    folder,
    name,
    dependencies: Object.keys(dependencies).sort(),
    exports,
    sources: sourcesIn(join(folder, 'src')),
  }
}

function sourcesIn(folder: string): Source[] {
  return filesIn(folder, '.ts').map((path) => {
    const text = readFileSync(path, 'utf8')
    return { path, text, imports: importsOf(text) }
  })
}

function filesIn(folder: string, suffix: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path, suffix)
    return entry.name.endsWith(suffix) ? [path] : []
  })
}

function importsOf(text: string): string[] {
  const found = text.matchAll(/^(?:import|export|\}) .*?from '([^'\n]+)'|^import '([^'\n]+)'|\bimport\('([^'\n]+)'\)/gm)
  return [...found].map(([, named, bare, dynamic]) => named ?? bare ?? dynamic ?? '')
}

/** The package that an import names; undefined for a file or a module of Node. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Every file of code that somebody wrote. */
const EVERY_FILE = ['packages', 'services', 'tests', 'bench', 'docs', 'examples', 'scripts']
  .flatMap((folder) => [...filesIn(join(ROOT, folder), '.ts'), ...filesIn(join(ROOT, folder), '.mjs')])
  .filter((path) => !path.includes('/dist/'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }))

const short = (path: string): string => relative(ROOT, path)

describe('packages', () => {
  it.each(PACKAGES)('$name declares what it imports, and nothing else', ({ dependencies, sources }) => {
    const imported = new Set(sources.flatMap(({ imports }) => imports.flatMap((one) => packageOf(one) ?? [])))
    expect(dependencies, 'make the dependencies in package.json those that src imports').toEqual([...imported].sort())
  })

  it.each(PACKAGES)('$name imports what its README says under "May import"', ({ folder, dependencies }) => {
    const readme = readFileSync(join(folder, 'README.md'), 'utf8')
    const [, sentence] = /May import\**\s([\s\S]*?)\.\s/.exec(`${readme}\n`) ?? []
    expect(sentence, 'the README needs a sentence "May import `a`, `b`."').toBeDefined()
    const allowed = [...(sentence ?? '').matchAll(/`(?:@assay\/)?([a-z-]+)`/g)].map(([, name]) => `@assay/${name}`)
    const own = dependencies.filter((name) => name.startsWith('@assay/'))
    if (sentence === 'any package; nothing imports it') return
    expect(
      own.filter((name) => !allowed.includes(name)),
      'import another way, or say in the README why the arrow is right',
    ).toEqual([])
    const known = new Set(PACKAGES.map(({ name }) => name))
    expect(
      allowed.filter((name) => known.has(name) && !own.includes(name)),
      'the README names packages that are not imported any more',
    ).toEqual([])
  })

  it('import one another without a circle', () => {
    const left = new Map(PACKAGES.map(({ name, dependencies }) => [name, new Set(dependencies)]))
    for (let before = -1; before !== left.size; ) {
      before = left.size
      for (const [name, needs] of left) if (![...needs].some((need) => left.has(need))) left.delete(name)
    }
    expect([...left.keys()], 'one of these arrows has to go: move what both need into a package below').toEqual([])
  })

  it.each(PACKAGES.filter(({ exports }) => exports !== undefined))('$name is tested from its source', ({ exports }) => {
    expect(JSON.stringify(exports), 'every entry of exports needs the condition "assay-source"').toContain(
      '"assay-source"',
    )
  })

  it('are of a size that can be read', () => {
    const lines = ({ sources }: Package): number => sources.reduce((sum, { text }) => sum + text.split('\n').length, 0)
    const all = PACKAGES.reduce((sum, one) => sum + lines(one), 0)
    const large = PACKAGES.filter(
      (one) => one.sources.length > FILES_A_PACKAGE_MAX || lines(one) > SHARE_OF_LINES_MAX * all,
    )
    const told = large.map((one) => `${short(one.folder)}: ${one.sources.length} files, ${lines(one)} lines`)
    expect(told, 'split the package where it has two subjects').toEqual([])
  })

  it.each(PACKAGES)('$name has built nothing that its source lacks', ({ folder, sources }) => {
    const names = new Set(sources.map(({ path }) => relative(join(folder, 'src'), path).replace(/\.ts$/, '')))
    const built = filesIn(join(folder, 'dist'), '.js').map((path) => relative(join(folder, 'dist'), path))
    expect(
      built.filter((path) => !names.has(path.replace(/\.js$/, ''))),
      'remove dist and build again',
    ).toEqual([])
  })
})

describe('folders', () => {
  it(`hold at most ${FILES_A_FOLDER_MAX} files`, () => {
    const counts = new Map<string, number>()
    for (const { sources } of PACKAGES) {
      for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
    }
    const large = [...counts].filter(([, count]) => count > FILES_A_FOLDER_MAX)
    expect(
      large.map(([folder, count]) => `${short(folder)}: ${count}`),
      'move what belongs together into a folder below',
    ).toEqual([])
  })

  it('do not import each other', () => {
    const arrows = new Map<string, string>()
    for (const { path, imports } of PACKAGES.flatMap(({ sources }) => sources)) {
      if (COMPOSERS.has(basename(path))) continue
      for (const specifier of imports.filter((one) => one.startsWith('.'))) {
        const target = dirname(resolve(dirname(path), specifier))
        if (target !== dirname(path)) arrows.set(`${dirname(path)} ${target}`, `${short(path)} imports ${specifier}`)
      }
    }
    const both = [...arrows].filter(([arrow]) => arrows.has(arrow.split(' ').reverse().join(' ')))
    expect(
      both.map(([, told]) => told),
      'one of the two arrows has to go: move the file that both need',
    ).toEqual([])
  })
})

describe('files', () => {
  it('are all in use', () => {
    const named = new Set<string>()
    for (const { path, text } of EVERY_FILE) {
      for (const [, specifier] of text.matchAll(/'(\.{1,2}\/[^'\n]+)'/g)) {
        named.add(resolve(dirname(path), specifier as string).replace(/\.[jt]s$/, ''))
      }
    }
    const dead = PACKAGES.flatMap(({ sources }) => sources.map(({ path }) => path)).filter(
      (path) => !COMPOSERS.has(basename(path)) && !named.has(path.replace(/\.ts$/, '')),
    )
    expect(dead.map(short), 'remove what nobody imports').toEqual([])
  })
})

/** A name that one file takes from another; `*` for all of them. */
interface Taken {
  readonly by: string
  /** The file without its ending, or a package. */
  readonly from: string
  readonly name: string
}

const LIST = /(?:import|export) (?:type )?\{([^}]*)\} from '([^'\n]+)'/g
const ALL = /(?:import|export) (?:type )?\*(?: as \w+)? from '([^'\n]+)'/g
/** What a module that is loaded late is asked for stands somewhere in the file. */
const LATE = /\bimport\('([^'\n]+)'\)/g

function takenBy({ path, text }: { readonly path: string; readonly text: string }): Taken[] {
  const from = (specifier: string): string =>
    specifier.startsWith('.')
      ? resolve(dirname(path), specifier)
          .replace('/dist/', '/src/')
          .replace(/\.[jt]s$/, '')
      : specifier
  const lists = [...text.matchAll(LIST)].flatMap(([, list = '', specifier = '']) =>
    namesIn(list).map((name) => ({ by: path, from: from(specifier), name: name.own })),
  )
  const whole = [...text.matchAll(ALL)].map(([, specifier = '']) => ({ by: path, from: from(specifier), name: '*' }))
  const late = [...text.matchAll(LATE)].flatMap(([, specifier = '']) =>
    [...new Set(text.match(/\w+/g))].map((name) => ({ by: path, from: from(specifier), name })),
  )
  return [...lists, ...whole, ...late]
}

/** The names of `{ a, type b, c as d }`, each as it is and as it is called here. */
function namesIn(list: string): { readonly own: string; readonly here: string }[] {
  const entries = list.split(',').map((entry) => entry.trim().replace(/^type /, ''))
  return entries.flatMap((entry) => {
    const [own, here = own] = entry.split(' as ')
    return own && here ? [{ own, here }] : []
  })
}

const DECLARED = /^export (?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type) (\w+)/gm

describe('temporary tables', () => {
  it('are made by the session, which hands them out as values', () => {
    const makers = PACKAGES.filter(({ name }) => name !== '@assay/engine')
      .flatMap(({ sources }) => sources)
      .filter(({ text }) => /\bCREATE (OR REPLACE )?TEMP(ORARY)? /i.test(text))
    expect(
      makers.map(({ path }) => short(path)),
      'call createTable or createView of the session, and hand on what comes back',
    ).toEqual([])
  })
})

describe('exports', () => {
  const taken = EVERY_FILE.flatMap(takenBy)

  it.each(PACKAGES)('of the index of $name are imported by others', ({ folder, name, sources }) => {
    const index = sources.find(({ path }) => path === join(folder, 'src', 'index.ts'))
    if (!index) return
    const used = new Set(
      taken.filter(({ by, from }) => from === name && !by.startsWith(`${folder}/`)).map((one) => one.name),
    )
    const listed = [...index.text.matchAll(LIST)].flatMap(([, list = '']) => namesIn(list).map(({ here }) => here))
    expect(
      listed.filter((one) => !used.has(one)),
      "take these out of the index: the package's own tests import the file itself",
    ).toEqual([])
  })

  it('of files are imported by others', () => {
    const names = new Map<string, Set<string>>()
    for (const { from, name } of taken) names.set(from, (names.get(from) ?? new Set()).add(name))
    const unused = PACKAGES.flatMap(({ folder, name, sources }) => {
      const ofIndex = new Set([...(names.get(name) ?? []), ...(names.get(join(folder, 'src', 'index')) ?? [])])
      return sources.flatMap(({ path, text }) => {
        const used = names.get(path.replace(/\.ts$/, '')) ?? new Set<string>()
        const declared = [...text.matchAll(DECLARED)].map(([, one = '']) => one)
        return declared
          .filter((one) => !used.has(one) && !(used.has('*') && ofIndex.has(one)))
          .map((one) => `${short(path)}: ${one}`)
      })
    })
    expect(unused, 'leave out "export", or the declaration where nobody uses it').toEqual([])
  })
})
