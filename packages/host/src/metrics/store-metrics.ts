import { type OnStoreRequest, STORE_OPERATIONS } from '@assay/lake'
import { Counter, type Registry } from 'prom-client'

/** What is asked of the bucket, as metrics: the bill is by the request. */
export class StoreMetrics {
  readonly #requests: Counter

  constructor(registry: Registry) {
    this.#requests = new Counter({
      name: 'assay_store_requests_total',
      help:
        'Requests to the bucket, repeated ones included, by operation (get, head, put, list, delete, …) and outcome: ok, ' +
        'missing, exists, refused, throttled, failed, unreadable (answered by something else), no_answer.',
      labelNames: ['operation', 'outcome'],
      registers: [registry],
    })
    for (const operation of STORE_OPERATIONS) this.#requests.inc({ operation, outcome: 'ok' }, 0)
  }

  readonly onRequest: OnStoreRequest = (operation, outcome) => this.#requests.inc({ operation, outcome })
}
