// @ts-check
import path from 'node:path'
import { installOnce, run } from './cache.mjs'
import { CannotBeHad, hasGo } from './machine.mjs'
import { answersTo } from './server.mjs'

const VERSION = '2.5.0'
const MODULE = `github.com/Shopify/toxiproxy/v2/cmd/server@v${VERSION}`

/**
 * Toxiproxy, a TCP proxy that delays and breaks connections on demand.
 * @type {import('./server.mjs').Part}
 */
export const toxiproxy = {
  name: 'toxiproxy',
  portNames: ['http'],

  install() {
    return installOnce(`toxiproxy-${VERSION}`, async (folder) => {
      if (!hasGo()) throw new CannotBeHad('Go is missing')
      await run('go', ['install', MODULE], { env: { GOBIN: folder } })
    })
  },

  async launch({ installed, ports }) {
    return { command: path.join(installed, 'server'), args: ['-host', '127.0.0.1', '-port', String(ports.http)] }
  },

  answers: (place) => answersTo(`${toxiproxyUrl(place)}/version`),
}

/** @param {{ ports: Readonly<Record<string, number>> }} place */
export function toxiproxyUrl({ ports }) {
  return `http://127.0.0.1:${ports.http}`
}
