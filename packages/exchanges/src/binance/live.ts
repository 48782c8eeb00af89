import { shown } from '../feed-fields.js'
import { jsonObject, type LiveFeed, type LiveText } from '../live.js'

const HOUR_MS = 3_600_000

/**
 * Binance's combined trade streams. The streams are named in the address, so there is nothing to subscribe to; a
 * symbol that Binance does not have is silent. The server pings every 20 s and ends a connection after 24 hours.
 * Source: Binance Spot API, WebSocket Streams, "General WSS information" and "Trade Streams".
 */
export const binanceLive: LiveFeed = {
  symbols: ['BTCUSDT', 'ETHUSDT'],
  // Binance's streams are named in lower case.
  isFollowable: (symbol) => symbol === symbol.toUpperCase(),
  symbolExample: 'BTCUSDT',
  symbolsMax: 200,
  connect: (symbols) => ({
    url: `wss://stream.binance.com:9443/stream?streams=${symbols.map((symbol) => `${encodeURIComponent(symbol.toLowerCase())}@trade`).join('/')}`,
    subscribe: [],
  }),
  onText,
  silence_ms: 60_000,
  lifetime_ms: 23 * HOUR_MS,
}

function onText(text: string): LiveText {
  const message = jsonObject(text)
  if (message?.error !== undefined || message?.code !== undefined) {
    return { kind: 'error', reason: shown(JSON.stringify(message.error ?? message)) }
  }
  if (message?.result !== undefined || message?.e === 'serverShutdown') return { kind: 'control' }
  return { kind: 'data' }
}
