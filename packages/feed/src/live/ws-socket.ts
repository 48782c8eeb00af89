import WebSocket from 'ws'
import type { ConnectSocket } from './socket.js'

/** Sockets by `ws`, which answers pings by itself. Compression stays off: a few bytes could become very many. */
export const connectWebSocket: ConnectSocket = (url, { message_bytes, handshake_ms }, events) => {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: message_bytes,
    handshakeTimeout: handshake_ms,
  })
  let problem: string | undefined
  socket.on('open', () => events.onOpen())
  socket.on('message', (data) => events.onText(data.toString()))
  socket.on('ping', () => events.onPing())
  // Without a listener an error would end the process; `close` follows it in any case.
  socket.on('error', (error) => {
    problem = error.message || ('code' in error ? String(error.code) : error.name)
  })
  socket.on('close', (code, why) => events.onClose(problem ?? closeText(code, why.toString())))
  return {
    send: (text) => socket.send(text, () => undefined),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.terminate(),
  }
}

function closeText(code: number, why: string): string {
  return why === '' ? `closed with code ${code}` : `closed with code ${code}: ${why}`
}
