/**
 * How bytes travel from one machine of a virtual world to another. Links are directed and named by
 * processes; `*` is every process, and the more specific rule wins, field by field. Cuts are kept
 * apart from rules, so that healing a partition restores what a link was like before.
 */
import type { SeededRandom } from './seeded-random.ts'

export interface LinkRule {
  /** Delay of each delivery in whole ms, drawn evenly from the range. */
  readonly latencyMs?: readonly [min: number, max: number] | undefined
  /** Bytes per millisecond, shared by all connections of the link; unlimited when absent. */
  readonly bytesPerMs?: number | undefined
  /** Nothing is delivered until the rule changes. */
  readonly isPartitioned?: boolean | undefined
  /** What arrives is read in pieces of random size, up to this. */
  readonly maxChunkBytes?: number | undefined
}

/** One direction between two machines, with the rule in force and the line's queue. */
export class Link {
  readonly from: string
  readonly to: string
  rule: LinkRule = {}
  isCut = false
  /** When the line is free again, in fractions of a millisecond. */
  #freeAt = 0

  constructor(from: string, to: string) {
    this.from = from
    this.to = to
  }

  latency(random: SeededRandom): number {
    const [min, max] = this.rule.latencyMs ?? [0, 0]
    return max > min ? min + random.integer(max - min + 1) : min
  }

  /** Puts bytes on the line at `now`; returns when the last of them arrives. */
  transfer(now: number, bytes: number, random: SeededRandom): number {
    const { bytesPerMs } = this.rule
    const latency = this.latency(random)
    if (bytesPerMs === undefined) return now + latency
    this.#freeAt = Math.max(this.#freeAt, now) + bytes / bytesPerMs
    return Math.ceil(this.#freeAt) + latency
  }
}

export class Links {
  readonly #rules = new Map<string, LinkRule>()
  readonly #cuts = new Set<string>()
  readonly #links = new Map<string, Link>()

  constructor(defaults: LinkRule) {
    this.#rules.set('*>*', defaults)
  }

  /** Sets a rule, or removes it. */
  set(from: string, to: string, rule: LinkRule | undefined): void {
    const key = `${from}>${to}`
    if (rule === undefined) this.#rules.delete(key)
    else this.#rules.set(key, rule)
    this.#refresh()
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`)
    this.#refresh()
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`)
    this.#refresh()
  }

  healAll(): void {
    this.#cuts.clear()
    this.#refresh()
  }

  between(from: string, to: string): Link {
    const key = `${from}>${to}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = new Link(from, to)
      this.#links.set(key, link)
      this.#settle(link)
    }
    return link
  }

  #refresh(): void {
    for (const link of this.#links.values()) this.#settle(link)
  }

  #settle(link: Link): void {
    const { from, to } = link
    const exact = `${from}>${to}`
    // A machine reaches itself without delay, unless a rule names it.
    const keys = from === to ? [exact] : ['*>*', `*>${to}`, `${from}>*`, exact]
    link.rule = Object.assign({}, ...keys.map((key) => this.#rules.get(key))) as LinkRule
    link.isCut = link.rule.isPartitioned === true || keys.some((key) => this.#cuts.has(key))
  }
}
