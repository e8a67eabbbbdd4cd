/** The parts of buffer-layout 1.2 that the tests use; the package has no types. */
declare module 'buffer-layout' {
  export interface Layout<T> {
    span: number
    property: string | undefined
    decode(buffer: Uint8Array, offset?: number): T
    encode(value: T, buffer: Uint8Array, offset?: number): number
  }
  export function u8(property: string): Layout<number>
  export function u16be(property: string): Layout<number>
  export function u32be(property: string): Layout<number>
  /** 64 bits as a number, exact up to 2^53. */
  export function nu64be(property: string): Layout<number>
  export function blob(length: number, property: string): Layout<Buffer>
  export function struct<T>(fields: Layout<number | Buffer>[], property?: string): Layout<T>
}
