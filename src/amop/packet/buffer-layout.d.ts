/** The parts of buffer-layout 1.2 that are used here; the package has no types. */
declare module 'buffer-layout' {
  export abstract class Layout<T> {
    /** Bytes. */
    span: number
    property: string | undefined
    constructor(span: number, property?: string)
    decode(buffer: Uint8Array, offset?: number): T
    /** @returns bytes written. */
    encode(value: T, buffer: Uint8Array, offset?: number): number
  }
  export function u8(property: string): Layout<number>
  export function u16be(property: string): Layout<number>
  export function u32be(property: string): Layout<number>
  export function s32be(property: string): Layout<number>
  /** 64 bits as a number, exact up to 2^53. */
  export function nu64be(property: string): Layout<number>
  export function blob(length: number, property: string): Layout<Buffer>
  export function struct<T>(fields: Layout<number | string | Buffer>[], property?: string): Layout<T>
}
