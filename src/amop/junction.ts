export { Bridge } from './bridge/bridge.ts'
export { OfflineDelivery } from './deliver/offline-delivery.ts'
