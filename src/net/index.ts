export { ListenError } from './listen-error.ts'
export { Listener, type ListenerOptions } from './listener.ts'
export type { Machine, MachineFactory } from './machine.ts'
export type { TlsOptions } from './tls-material.ts'
