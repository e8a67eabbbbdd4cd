export { hostAndPort, ListenError } from './listen-error.ts'
export { Listener, type ListenerOptions, type TlsOptions } from './listener.ts'
export type { Machine, MachineFactory } from './machine.ts'
