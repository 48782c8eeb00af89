export { runService, type ServiceHost, type ServiceName } from './run-service.js'
