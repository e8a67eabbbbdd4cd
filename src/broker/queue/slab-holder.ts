import type { Slab } from './slab.ts'

/** A queue, or what an exchange keeps back: whoever's messages lie in slabs. */
export interface SlabHolder {
  /** Stands for it in the journal. */
  readonly uid: number
  readonly deleted: boolean
  /** All slabs that hold something. */
  slabs(): Iterable<Slab>
}
