/**
 * A bug, kept as data: what to replace in the compiled client so that it has it. Simulations of a
 * client with one of these must fail within a few hundred seeds. What is not caught shows that a
 * checker, a plan or a workload is blind in one eye.
 */
export interface Mutation {
  readonly name: string
  /** The bug in a sentence, and who is known to have had it. */
  readonly what: string
  readonly edits: readonly Edit[]
  /** Where it is looked for. */
  readonly workload: string
  readonly plan: string
  readonly profile: string
  /** Why nothing catches it yet: it is run and told of, and does not count as a failure. */
  readonly notCaught?: string
}

export interface Edit {
  /** A compiled file, below `packages/odradek/dist/esm`. */
  readonly file: string
  /** Must be there exactly once. */
  readonly find: string
  readonly replace: string
}

export function occurrences(text: string, { find }: Edit): number {
  return text.split(find).length - 1
}

/** The text with the bug; undefined when the place is not there any more, or not the only one. */
export function mutated(text: string, edit: Edit): string | undefined {
  return occurrences(text, edit) === 1 ? text.split(edit.find).join(edit.replace) : undefined
}
