import type { Message } from '../message.ts'
import { type Binding, type BindingGroup, withBinding, withoutBinding } from './binding.ts'
import { type ExchangeType, type Router, type RouteTargets, validateExchangeArguments } from './exchange.ts'

/** The end of some binding keys' common beginning; the path from the root spells that beginning word by word. */
class TopicNode {
  /** Reached by `#`: stays reached however many words follow. */
  readonly manyWords: boolean
  words: Map<string, TopicNode> | undefined
  star: TopicNode | undefined
  hash: TopicNode | undefined
  /** The bindings whose key ends here. */
  bindings: BindingGroup | undefined
  /** The step at which it was last reached, so that a step reaches it once. */
  reachedAt = 0

  constructor(manyWords: boolean) {
    this.manyWords = manyWords
  }

  get empty(): boolean {
    return this.bindings === undefined && this.star === undefined && this.hash === undefined && this.words === undefined
  }

  find(word: string): TopicNode | undefined {
    if (word === '*') return this.star
    return word === '#' ? this.hash : this.words?.get(word)
  }

  add(word: string): TopicNode {
    const node = new TopicNode(word === '#')
    if (word === '*') this.star = node
    else if (word === '#') this.hash = node
    else {
      this.words ??= new Map()
      this.words.set(word, node)
    }
    return node
  }

  remove(word: string): void {
    if (word === '*') this.star = undefined
    else if (word === '#') this.hash = undefined
    else if (this.words?.delete(word) && this.words.size === 0) this.words = undefined
  }
}

/**
 * Binding keys as a trie of words; `*` stands for one word and `#` for any number of them, none included. A key is
 * followed word by word from all nodes reached so far at once: trying one branch after the other would take time
 * exponential in the number of `#`, while here a word costs at most one visit a node. Nodes that no key leads to
 * cost nothing, so a route is as quick with ten thousand bindings as with ten.
 */
class TopicRouter implements Router {
  readonly byKeyOnly = true
  readonly #root = new TopicNode(false)
  // Reused from route to route; the numbers in `reachedAt` only grow.
  #reached: TopicNode[] = []
  #next: TopicNode[] = []
  #step = 0

  bind(binding: Binding): void {
    let node = this.#root
    for (const word of wordsOf(binding.routingKey)) node = node.find(word) ?? node.add(word)
    node.bindings = withBinding(node.bindings, binding)
  }

  unbind(binding: Binding): void {
    const words = wordsOf(binding.routingKey)
    const path: TopicNode[] = []
    let node: TopicNode | undefined = this.#root
    for (const word of words) {
      path.push(node)
      node = node.find(word)
      if (node === undefined) return
    }
    node.bindings = withoutBinding(node.bindings, binding)
    for (let depth = words.length - 1; depth >= 0 && node.empty; depth--) {
      node = path[depth] as TopicNode
      node.remove(words[depth] as string)
    }
  }

  route(routingKey: string, _message: Message, into: RouteTargets): void {
    this.#step++
    this.#reach(this.#root)
    this.#advance()
    // The empty key has no words, while "a..b" has an empty one in its middle and "." is two of them.
    if (routingKey !== '') {
      let from = 0
      for (let dot = routingKey.indexOf('.'); dot >= 0; dot = routingKey.indexOf('.', from)) {
        this.#follow(routingKey.slice(from, dot))
        from = dot + 1
      }
      this.#follow(routingKey.slice(from))
    }
    for (const { bindings } of this.#reached) {
      if (bindings instanceof Set) for (const binding of bindings) into.add(binding)
      else if (bindings !== undefined) into.add(bindings)
    }
    this.#reached.length = 0
  }

  #follow(word: string): void {
    this.#step++
    for (const node of this.#reached) {
      const literal = node.words?.get(word)
      if (literal !== undefined) this.#reach(literal)
      if (node.star !== undefined) this.#reach(node.star)
      if (node.manyWords) this.#reach(node)
    }
    this.#advance()
  }

  // A `#` also stands for no word at all, so what is behind it is reached together with what is before it.
  #reach(node: TopicNode): void {
    for (let next: TopicNode | undefined = node; next !== undefined; next = next.hash) {
      if (next.reachedAt === this.#step) return
      next.reachedAt = this.#step
      this.#next.push(next)
    }
  }

  #advance(): void {
    const done = this.#reached
    this.#reached = this.#next
    done.length = 0
    this.#next = done
  }
}

function wordsOf(bindingKey: string): string[] {
  return bindingKey === '' ? [] : bindingKey.split('.')
}

export const topicExchange: ExchangeType = {
  name: 'topic',
  validate: validateExchangeArguments,
  create: () => new TopicRouter(),
}
