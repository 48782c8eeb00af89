import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Registry } from 'prom-client'

/** A registry with what there is to say of any process. */
export function newMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/** `/metrics` in Prometheus' text format; `refresh` brings up to date what is only read when asked for. */
export function addMetricsRoute(server: FastifyInstance, registry: Registry, refresh: () => Promise<void>): void {
  server.get('/metrics', async (_request, reply) => {
    await refresh()
    reply.type(registry.contentType)
    return registry.metrics()
  })
}
