// Documents that name files name files that exist, and packages say why they depend on what.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { packages, root } from './pack.js'

const folders = ['.', 'docs', ...packages.map(({ folder }) => relative(root, folder))]
const documents = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md') && name !== 'CHANGELOG.md')
    .map((name) => join(folder, name)),
)

test('files that documents name exist', () => {
  const missing = []
  for (const document of documents) {
    const text = readFileSync(join(root, document), 'utf8')
    const named = [
      ...text.matchAll(/`((?:packages|scripts|simulation|conformance|docs|examples)\/[\w./-]+)`/g),
    ].map((match) => match[1])
    for (const path of named) {
      if (!existsSync(join(root, path))) missing.push(`${document} names ${path}`)
    }
    for (const [, link] of text.matchAll(/\]\((?!\w+:|#)([^)#]+)[^)]*\)/g)) {
      if (!existsSync(join(root, dirname(document), link))) {
        missing.push(`${document} links to ${link}`)
      }
    }
  }
  assert.deepEqual(missing, [], `\n${missing.join('\n')}\n`)
})

test('every page of the documentation is named on the first one', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  assert.deepEqual(
    pages.filter((name) => !readme.includes(`(docs/${name})`)),
    [],
  )
})

test('every package has a licence, a README, and a reason for each dependency', () => {
  for (const { folder, manifest } of packages) {
    assert.ok(existsSync(join(folder, 'LICENSE')), `${manifest.name} has no LICENSE`)
    const readme = readFileSync(join(folder, 'README.md'), 'utf8')
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      assert.ok(
        readme.includes(`\`${dependency}\``),
        `${manifest.name} does not say why it needs ${dependency}`,
      )
    }
  }
})

test('a package that has a NOTICE publishes it', () => {
  const withNotice = packages.filter(({ folder }) => existsSync(join(folder, 'NOTICE')))
  assert.ok(withNotice.length > 0)
  // npm packs README and LICENSE by itself, and NOTICE only where it is listed.
  for (const { manifest } of withNotice) assert.ok(manifest.files.includes('NOTICE'), manifest.name)
})

test('every package names the repository, its page there, and where to report bugs', () => {
  const { author, repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const page = repository.url.replace(/^git\+|\.git$/g, '')
  for (const { folder, manifest } of packages) {
    const directory = relative(root, folder)
    assert.deepEqual(manifest.repository, { ...repository, directory })
    assert.equal(manifest.homepage, `${page}/tree/main/${directory}#readme`)
    assert.deepEqual(manifest.bugs, { url: `${page}/issues` })
    assert.equal(manifest.author, author)
    // The front page on npm begins with code.
    assert.match(readFileSync(join(folder, 'README.md'), 'utf8'), /```ts\n/)
  }
})
