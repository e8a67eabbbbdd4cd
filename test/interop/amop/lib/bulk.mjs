import { createCipheriv, createHash, randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'

const MIB = 1_048_576
const FILE_BYTES = 12 * MIB
const LARGEST = 10 * MIB - 8
/** How many are chosen to be large. */
const LARGE = 400

/** Many messages of mixed sizes, whose contents are places in a file of noise; the same for the same seed. */
export class BulkMessages {
  /** [offset, size] of each. */
  places = []
  bytes = 0
  #noise
  #sums

  /** @param bytes of all together. */
  constructor({ count, bytes, seed = randomInt(2 ** 31) }) {
    this.seed = seed
    const key = createHash('sha256').update(`leveret ${seed}`).digest()
    this.#noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(FILE_BYTES))
    const random = () => this.#noise.readUInt32BE((this.places.length * 4) % 100_000) / 2 ** 32
    for (let i = 0; i < count; i++) {
      const left = bytes - this.bytes
      // From here on what is left is shared evenly.
      const size = i < LARGE ? sizeOf(i, random) : Math.ceil((left / (count - i)) * 2 * random())
      this.#add(i === count - 1 ? left : Math.min(size, left))
    }
    // Large ones beside each other would be no mixture.
    for (let i = count - 1; i > 0; i--) {
      const j = this.#noise.readUInt32BE(200_000 + i * 4) % (i + 1)
      const place = this.places[i]
      this.places[i] = this.places[j]
      this.places[j] = place
    }
  }

  #add(size) {
    const offset = (this.places.length * 997) % (FILE_BYTES - size)
    this.places.push([offset, size])
    this.bytes += size
  }

  /** Checksums of all. */
  get sums() {
    this.#sums ??= this.places.map((_, i) => createHash('sha256').update(this.message(i)).digest('hex'))
    return this.#sums
  }

  write(file) {
    writeFileSync(file, this.#noise)
  }

  /** Message i, as every program makes it. */
  message(i) {
    const [offset, size] = this.places[i]
    const header = Buffer.alloc(8)
    header.writeUInt32BE(i, 0)
    header.writeUInt32BE(size, 4)
    return Buffer.concat([header, this.#noise.subarray(offset, offset + size)])
  }
}

/** A few of 10 MiB, some hundreds up to 2 MiB. */
function sizeOf(i, random) {
  return i < 6 ? LARGEST : Math.floor(2 ** (15 + 6 * random()))
}
