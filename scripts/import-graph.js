// What the sources import of each other, read from their text: the levels that ARCHITECTURE.md gives
// to the folders of a package, and the circles of files, imports of types included.
import { dirname, join } from 'node:path'

/** The specifiers that a source imports, re-exports or requires. */
export function importsOf(text) {
  return [...text.matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1],
  )
}

/** The files that each file imports, by path. Files are `{ path, text }`. */
export function graphOf(files) {
  const paths = new Set(files.map(({ path }) => path))
  return new Map(
    files.map(({ path, text }) => {
      const targets = importsOf(text)
        .filter((name) => name.startsWith('.'))
        .map((name) => join(dirname(path), name))
      return [path, [...new Set(targets)].filter((target) => paths.has(target))]
    }),
  )
}

/** The shortest circle of every group of files that import each other, in the order of imports. */
export function circlesOf(graph) {
  return componentsOf(graph).map((component) => {
    const inside = new Set(component)
    const loops = component.map((start) => loopFrom(start, graph, inside))
    return loops.sort((one, other) => one.length - other.length)[0]
  })
}

/** Tarjan's strongly connected components, without those of one file that does not import itself. */
function componentsOf(graph) {
  const components = []
  const order = new Map()
  const lowest = new Map()
  const stack = []
  const visit = (path) => {
    order.set(path, order.size)
    lowest.set(path, order.get(path))
    stack.push(path)
    for (const target of graph.get(path)) {
      if (!order.has(target)) visit(target)
      if (stack.includes(target)) {
        lowest.set(path, Math.min(lowest.get(path), lowest.get(target)))
      }
    }
    if (lowest.get(path) !== order.get(path)) return
    const members = stack.splice(stack.indexOf(path))
    if (members.length > 1 || graph.get(path).includes(path)) components.push(members.sort())
  }
  for (const path of graph.keys()) if (!order.has(path)) visit(path)
  return components
}

/** The shortest way from a file back to itself; there is one in a component. */
function loopFrom(start, graph, inside) {
  const cameFrom = new Map()
  const queue = [start]
  for (const path of queue) {
    for (const target of graph.get(path)) {
      if (!inside.has(target) || cameFrom.has(target)) continue
      cameFrom.set(target, path)
      queue.push(target)
    }
  }
  const loop = []
  let path = start
  do {
    path = cameFrom.get(path)
    loop.unshift(path)
  } while (path !== start)
  return loop
}

/**
 * The levels of a package's folders, lowest first, as the table below a heading of ARCHITECTURE.md
 * has them: the number of the level, then the folders in backticks.
 */
export function levelsOf(markdown, heading) {
  const lines = markdown.split('\n')
  const begin = lines.indexOf(`## ${heading}`)
  if (begin < 0) throw new Error(`ARCHITECTURE.md has no section "${heading}".`)
  const length = lines.slice(begin + 1).findIndex((line) => line.startsWith('## '))
  const levels = []
  for (const line of lines.slice(begin + 1, begin + 1 + length)) {
    const row = /^\| *(\d+) *\|([^|]*)\|/.exec(line)
    if (row === null) continue
    const folders = [...row[2].matchAll(/`([^`]+)\/`/g)].map((match) => match[1])
    levels[Number(row[1])] = [...(levels[Number(row[1])] ?? []), ...folders]
  }
  return levels
}

/**
 * The place of a file, by its path inside `src`. A folder's longest name that matches is its own:
 * `consumer` is what lies in `consumer/` itself. Files at the root of `src` are the top.
 */
export function placeOf(path, levels) {
  if (!path.includes('/')) return { folder: 'src', level: levels.length, rank: 0 }
  const folder = levels
    .flat()
    .filter((one) => path.startsWith(`${one}/`))
    .sort((one, other) => other.length - one.length)[0]
  if (folder === undefined) return undefined
  const level = levels.findIndex((folders) => folders.includes(folder))
  return { folder, level, rank: levels[level].indexOf(folder) }
}

/** Folders of one level do not import each other, except in level 0 those that are named before. */
export function mayImport(from, to) {
  if (from.folder === to.folder || to.level < from.level) return true
  return from.level === 0 && to.level === 0 && to.rank < from.rank
}
