export { AddressLimits } from './address-limits.ts'
export { openAmopListener } from './amop-listener.ts'
