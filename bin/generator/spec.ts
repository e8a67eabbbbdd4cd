/** The parts of spec/amqp-0-9-1.json that the generator reads. */
export interface Spec {
  protocol: { header: number[] }
  constants: { name: string; value: number; error?: 'soft' | 'hard' }[]
  classes: SpecClass[]
}

export interface SpecClass {
  name: string
  id: number
  methods: SpecMethod[]
  properties?: SpecProperty[]
}

export interface SpecMethod {
  name: string
  id: number
  sentBy: 'client' | 'server' | 'both'
  content: boolean
  replies: string[]
  args: SpecArgument[]
}

export interface SpecArgument {
  name: string
  type: WireType
  default?: unknown
}

export interface SpecProperty {
  name: string
  type: WireType
  flagMask: number
}

export type WireType = 'bit' | 'octet' | 'short' | 'long' | 'longlong' | 'timestamp' | 'shortstr' | 'longstr' | 'table'

/** Bytes of the types that have a fixed size; bits are packed and have none of their own. */
export const FIXED_BYTES: Partial<Record<WireType, number>> = { octet: 1, short: 2, long: 4, longlong: 8, timestamp: 8 }

/** `routing-key` to `routingKey`. */
export function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** `routing-key` to `RoutingKey`. */
export function pascal(name: string): string {
  return camel(`-${name}`)
}

/** `routing-key` to `ROUTING_KEY`. */
export function upper(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}

/** `0x0032000a` of a class and a method. */
export function wireId(klass: SpecClass, method: SpecMethod): string {
  return `0x${((klass.id << 16) | method.id).toString(16).padStart(8, '0')}`
}
