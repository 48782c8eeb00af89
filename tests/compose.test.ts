import { existsSync, readFileSync } from 'node:fs'
import { readConfig } from '@assay/lake'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly user?: string
  readonly read_only?: boolean
  readonly healthcheck?: unknown
  readonly deploy?: { readonly resources?: { readonly limits?: Readonly<Record<string, string>> } }
}

const root = new URL('../', import.meta.url)
const compose = parse(readFileSync(new URL('docker-compose.yml', root), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
}
const services = Object.entries(compose.services)
const ours = services.filter(([, { build }]) => build !== undefined)

describe('docker-compose.yml', () => {
  it('has a container for each worker', () => {
    const names = ['feed-binance', 'feed-kraken', 'bronze-binance', 'bronze-kraken', 'silver-binance', 'silver-kraken']
    expect(ours.map(([name]) => name)).toEqual(expect.arrayContaining([...names, 'gold', 'cli', 'replay']))
  })

  it.each(services)('%s: a pinned image, no rights, a read-only root, limits', (_name, service) => {
    expect(service.image).toMatch(/:[^:]*\d[^:]*$/)
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(service.read_only).toBe(true)
    expect(service.deploy?.resources?.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) })
  })

  it.each(ours)('%s: a command that is there, and settings that it takes', (_name, service) => {
    const [script = ''] = (service.entrypoint ?? ['node', ...(service.command ?? [])]).slice(1)
    const source = script.replace('/dist/', '/src/').replace(/main\.js$/, 'main.ts')
    expect(existsSync(new URL(source, root)), script).toBe(true)
    const env = Object.entries(service.environment ?? {}).map(([name, value]) => [name, String(value)])
    expect(() => readConfig(Object.fromEntries(env))).not.toThrow()
  })

  it('holds no password: each has to be set', () => {
    for (const [name, { environment = {} }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|ACCESS_KEY|ROOT_USER/.test(variable)) expect(`${name} ${value}`).toMatch(/\$\{\w+:\?/)
      }
    }
  })

  it('is scraped in full', () => {
    const prometheus = readFileSync(new URL('monitoring/prometheus.yml', root), 'utf8')
    for (const [name, { command }] of ours)
      if (command?.[0]?.startsWith('services/')) expect(prometheus).toContain(name)
  })
})
