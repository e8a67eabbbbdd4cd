import { basename, dirname } from 'node:path'
import type { Random } from './random.ts'

/** Writes are torn at multiples of this, as disks do. */
const SECTOR_BYTES = 32

type FileChange =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly length: number }

type NameChange =
  | { readonly kind: 'add'; readonly name: string; readonly node: Node }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'move'; readonly from: string; readonly to: string; readonly node: Node }

let inodes = 0

/** A file: what everybody sees, and what a power cut leaves. */
export class FileNode {
  readonly inode = ++inodes
  content: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  /** Changes since the last sync. */
  pending: FileChange[] = []

  change(change: FileChange): void {
    this.content = apply(this.content, change)
    this.pending.push(change)
  }

  sync(): void {
    this.durable = this.content
    this.pending = []
  }

  /** What was not synced is gone, as if it had never been written. */
  drop(): void {
    this.content = this.durable
    this.pending = []
  }

  crash(random: Random, isKept: boolean): void {
    const way = isKept ? 1 : random.below(4)
    for (const change of this.pending) {
      // Nothing, everything, some of it, or some of it in pieces.
      if (way === 0 || (way > 1 && random.chance(0.5))) continue
      if (way < 3 || change.kind === 'truncate') this.durable = apply(this.durable, change)
      else this.durable = tear(this.durable, change.at, change.bytes, random)
    }
    this.content = this.durable
    this.pending = []
  }
}

/** A directory: its names, and those that a power cut leaves. */
export class DirectoryNode {
  readonly inode = ++inodes
  names = new Map<string, Node>()
  durable = new Map<string, Node>()
  pending: NameChange[] = []

  change(change: NameChange): void {
    rename(this.names, change)
    this.pending.push(change)
  }

  sync(): void {
    this.durable = new Map(this.names)
    this.pending = []
  }

  crash(random: Random): void {
    const way = random.below(3)
    for (const change of this.pending) {
      if (way === 1 || (way === 2 && random.chance(0.5))) rename(this.durable, change)
    }
    this.names = new Map(this.durable)
    this.pending = []
    for (const [name, node] of this.names) {
      // The lock holds nothing that has to survive, and a torn one costs a wait that has its own test.
      if (node instanceof FileNode) node.crash(random, name.startsWith('lock.'))
      else node.crash(random)
    }
  }
}

export type Node = FileNode | DirectoryNode

/** A disk that remembers what has not been synced, so that a power cut can drop it, reorder it and tear it. */
export class Disk {
  readonly root = new DirectoryNode()

  /** Loses what was not synced, or some of it. */
  crash(random: Random): void {
    this.root.crash(random)
  }

  find(path: string): Node | undefined {
    let node: Node = this.root
    for (const name of path.split('/')) {
      if (name === '') continue
      const below: Node | undefined = node instanceof DirectoryNode ? node.names.get(name) : undefined
      if (below === undefined) return undefined
      node = below
    }
    return node
  }

  directory(path: string): DirectoryNode {
    const node = this.find(path)
    if (node instanceof DirectoryNode) return node
    throw failure('ENOENT', path)
  }

  file(path: string): FileNode {
    const node = this.find(path)
    if (node instanceof FileNode) return node
    throw failure('ENOENT', path)
  }

  add(path: string, node: Node): void {
    this.directory(dirname(path)).change({ kind: 'add', name: basename(path), node })
  }

  /** The same files, for somebody who does not wait until they are closed. */
  copy(): Disk {
    const copy = new Disk()
    copyNames(this.root, copy.root)
    return copy
  }

  /** Bytes in all files. */
  get usedBytes(): number {
    return sizeOf(this.root)
  }
}

function copyNames(from: DirectoryNode, to: DirectoryNode): void {
  for (const [name, node] of from.names) {
    if (node instanceof FileNode) {
      const file = new FileNode()
      file.content = file.durable = node.content
      to.names.set(name, file)
    } else {
      const directory = new DirectoryNode()
      copyNames(node, directory)
      to.names.set(name, directory)
    }
  }
}

function sizeOf(node: Node): number {
  if (node instanceof FileNode) return node.content.length
  let sum = 0
  for (const below of node.names.values()) sum += sizeOf(below)
  return sum
}

export function failure(code: string, path: string, syscall?: string): Error {
  return Object.assign(new Error(`${code}: injected, ${path}`), { code, syscall })
}

function apply(content: Buffer, change: FileChange): Buffer {
  if (change.kind === 'truncate') return resized(content, change.length)
  const grown = resized(content, Math.max(content.length, change.at + change.bytes.length))
  change.bytes.copy(grown, change.at)
  return grown
}

function resized(content: Buffer, length: number): Buffer {
  const copy = Buffer.alloc(length)
  content.copy(copy)
  return copy
}

/** Some sectors of a write arrive; of the others, the length may. */
function tear(content: Buffer, at: number, bytes: Buffer, random: Random): Buffer {
  const end = at + bytes.length
  const torn = resized(content, Math.max(content.length, end))
  let length = random.chance(0.3) ? torn.length : content.length
  for (let from = at; from < end; ) {
    const to = Math.min(end, from - (from % SECTOR_BYTES) + SECTOR_BYTES)
    if (random.chance(0.5)) {
      bytes.copy(torn, from, from - at, to - at)
      length = Math.max(length, to)
    }
    from = to
  }
  return torn.subarray(0, length)
}

function rename(names: Map<string, Node>, change: NameChange): void {
  if (change.kind === 'remove') names.delete(change.name)
  else if (change.kind === 'add') names.set(change.name, change.node)
  else {
    names.delete(change.from)
    names.set(change.to, change.node)
  }
}
