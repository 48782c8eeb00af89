import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { boundConnections } from '../src/http/connections.js'
import { listen, newHttpServer } from '../src/http/server.js'

const MOST = 8

let server: ReturnType<typeof newHttpServer>
let address: URL
let release: () => void
const sockets: Socket[] = []

beforeEach(async () => {
  server = newHttpServer(() => undefined)
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  server.get('/livez', async () => 'live')
  server.get('/slow', async () => {
    await held
    return 'slow'
  })
  server.post('/closed', { onRequest: async (_request, reply) => reply.code(401).send() }, async () => undefined)
  boundConnections(server.server, MOST)
  address = new URL(await listen(server, '127.0.0.1', 0))
})

afterEach(async () => {
  release()
  for (const socket of sockets.splice(0)) socket.destroy()
  await server.close()
})

async function opened(count: number, text = ''): Promise<Socket[]> {
  const made = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(Number(address.port), address.hostname)
      socket.on('error', () => undefined).on('data', () => undefined)
      sockets.push(socket)
      await once(socket, 'connect')
      if (text !== '') socket.write(text)
      return socket
    }),
  )
  return made
}

async function isLive(): Promise<boolean> {
  return (await fetch(new URL('/livez', address))).ok
}

describe('connections', () => {
  test.each([
    ['say nothing', ''],
    ['stop in the midst of their headers', 'GET /livez HTTP/1.1\r\nhost: x\r\n'],
    ['stop in the midst of a body that was refused', 'POST /closed HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1'],
    ['wait after an answer', 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'],
  ])('that %s keep no probe out, however many they are', async (_what, text) => {
    await opened(MOST + 10, text)
    expect(await isLive()).toBe(true)
  })

  test('are bounded by every server of ours', () => {
    // Node listens for them once.
    expect(newHttpServer(() => undefined).server.listenerCount('connection')).toBe(2)
  })

  test('with a request that is worked on are kept, and the ones without go for new ones', async () => {
    const slow = fetch(new URL('/slow', address))
    await opened(3 * MOST)
    expect(await isLive()).toBe(true)
    const open = await new Promise<number>((resolve) => server.server.getConnections((_error, count) => resolve(count)))
    expect(open).toBeLessThanOrEqual(MOST)
    release()
    expect(await (await slow).text()).toBe('slow')
  })
})
