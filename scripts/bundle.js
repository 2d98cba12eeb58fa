// Makes of a built package what is published: one bundled, unminified file per entry and format
// beside the declaration files. A package of hundreds of modules takes 130 ms to import, one file
// 30 ms, and an install has a quarter of the files. Tests run the compiled modules; what is
// published is used by `scripts/consumer-check.js`.
//
//   node scripts/bundle.js     writes packages/NAME/dist/package, which is what npm publishes
//
// Packages of the workspace stay imports of each other, so that a class is the same in all of them.
// Entries of one package share a file for the same reason. The heartbeat thread is a bundle of its
// own, inlined as source: a user's bundler would not find a file.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { packages, root } from './pack.js'

const TEXTS = ['LICENSE', 'README.md']
const HERE_IN_COMMONJS = 'export const here = require("node:url").pathToFileURL(__filename).href;\n'
/** Inlined, with its licence (MIT; zstd itself: BSD). */
const ZSTD = '@bokuweb/zstd-wasm'
const THREAD_MODULE = /heartbeat-thread-module\.js$/

const SHARED = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  charset: 'utf8',
  logLevel: 'warning',
  legalComments: 'none',
}

/** zstd's WebAssembly (for Nodes before 22.15) as text in the module that would read its file. */
const zstd = {
  name: 'inline zstd.wasm',
  setup: (esbuild) =>
    esbuild.onLoad({ filter: /zstd-wasm[\\/]dist[\\/]common[\\/]index\.node\.js$/ }, ({ path }) => {
      const wasm = readFileSync(join(dirname(path), 'zstd.wasm')).toString('base64')
      const text = readFileSync(path, 'utf8')
      const contents = text
        .replace(/const \{ \w+ \} = require\('(fs\/promises|path)'\);/g, '')
        .replace(
          "yield readFile(resolve(__dirname, './zstd.wasm'))",
          () => `Buffer.from("${wasm}", "base64")`,
        )
      if (!contents.includes(wasm)) throw new Error(`${path} reads its file in another way`)
      return { contents }
    }),
}

/** lz4's package as a name that bundlers cannot see: they cannot take its prebuilt binaries along. */
const lz4 = {
  name: 'hide lz4-napi',
  setup: (esbuild) =>
    esbuild.onLoad({ filter: /compression[\\/]lz4\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const hidden = "import(/* webpackIgnore: true */ ['lz4', 'napi'].join('-'))"
      const contents = text.replace("import('lz4-napi')", hidden)
      if (contents === text) throw new Error(`${path} loads its package in another way`)
      return { contents }
    }),
}

/** The heartbeat thread with everything that it needs, as the source of a CommonJS script. */
async function threadSource(folder) {
  const module = join(folder, 'dist', 'esm', 'groups', 'heartbeat-thread', 'heartbeat-thread.js')
  const start = `import { run, threadContext } from ${JSON.stringify(module)}\nrun(threadContext())`
  const { outputFiles } = await build({
    ...SHARED,
    stdin: { contents: start, resolveDir: folder },
    format: 'cjs',
    write: false,
    external: ['@node-rs/crc32', 'lz4-napi', 'snappyjs', '@bokuweb/zstd-wasm'],
    plugins: [replace(HERE, 'export const here = "";\n')],
  })
  return outputFiles[0].text
}

/** The same as a module that unpacks it when a thread starts: most of it is text to parse before. */
async function packedThread(folder) {
  const packed = gzipSync(await threadSource(folder), { level: 9 }).toString('base64')
  return `import { gunzipSync } from 'node:zlib'
export const heartbeatThreadModule = {
  get source() {
    return gunzipSync(Buffer.from("${packed}", 'base64')).toString()
  },
}
`
}

const HERE = /[\\/]here\.js$/

/** `contents` is a text, or a function that makes it. */
function replace(filter, contents) {
  return {
    name: `replace ${filter}`,
    setup: (esbuild) =>
      esbuild.onLoad({ filter }, async () => ({
        contents: typeof contents === 'function' ? await contents() : contents,
      })),
  }
}

/** Entries of a package: `{ name: 'index', module: '/.../dist/esm/index.js' }` each. */
function entriesOf(folder, manifest) {
  return Object.values(manifest.exports).map((conditions) => {
    const module = join(folder, conditions.import.default)
    return { name: relative(join(folder, 'dist', 'esm'), module).replace(/\.js$/, ''), module }
  })
}

async function bundlePackage({ folder, manifest }) {
  const out = join(folder, 'dist', 'package')
  rmSync(out, { recursive: true, force: true })
  const entries = entriesOf(folder, manifest)
  const external = Object.keys(manifest.dependencies).filter((name) => name !== ZSTD)
  const thread = replace(THREAD_MODULE, () => packedThread(folder))
  await build({
    ...SHARED,
    entryPoints: entries.map(({ module }) => module),
    outdir: join(out, 'dist', 'esm'),
    format: 'esm',
    splitting: true,
    chunkNames: 'shared-[hash]',
    external,
    plugins: [thread, zstd, lz4],
  })
  await bundleCommonJs({ folder, out, entries, external, plugins: [thread, zstd, lz4] })
  for (const format of ['esm', 'cjs']) {
    copyDeclarations(join(folder, 'dist', format), join(out, 'dist', format))
  }
  const isWithZstd = manifest.dependencies[ZSTD] !== undefined
  for (const name of isWithZstd ? [...TEXTS, 'NOTICE'] : TEXTS) {
    cpSync(join(folder, name), join(out, name))
  }
  // Messages of the client name pages of its documentation.
  if (manifest.files.includes('docs'))
    cpSync(join(root, 'docs'), join(out, 'docs'), { recursive: true })
  const { [ZSTD]: _, ...dependencies } = manifest.dependencies
  const published = { ...manifest, dependencies, publishConfig: { access: 'public' } }
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(published, null, 2)}\n`)
}

/** esbuild does not split CommonJS: several entries are views of one file. */
async function bundleCommonJs({ folder, out, entries, external, plugins }) {
  const cjs = join(out, 'dist', 'cjs')
  const isOne = entries.length === 1
  const contents = isOne
    ? `export * from ${JSON.stringify(entries[0].module)}`
    : entries
        .map(({ name, module }) => `export * as ${name} from ${JSON.stringify(module)}`)
        .join('\n')
  await build({
    ...SHARED,
    stdin: { contents, resolveDir: folder },
    outfile: join(cjs, isOne ? 'index.js' : 'shared.js'),
    format: 'cjs',
    external,
    plugins: [...plugins, replace(HERE, HERE_IN_COMMONJS)],
  })
  writeFileSync(join(cjs, 'package.json'), '{"type":"commonjs"}\n')
  if (isOne) return
  for (const { name, module } of entries) {
    const names = Object.keys(await import(pathToFileURL(module).href))
    const lines = names.map((one) => `exports.${one} = ${name}.${one}`)
    const head = `'use strict'\nconst { ${name} } = require('./shared.js')\n`
    writeFileSync(join(cjs, `${name}.js`), `${head}${lines.join('\n')}\n`)
  }
}

function copyDeclarations(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(from, entry.name)
    if (entry.isDirectory()) copyDeclarations(path, join(to, entry.name))
    else if (entry.name.endsWith('.d.ts') && !/\.test/.test(entry.name)) {
      mkdirSync(to, { recursive: true })
      const text = readFileSync(path, 'utf8')
        .replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n')
        // Buffers have no parameter before TypeScript 5.7; this one is the default after it.
        .replace(/\b(Buffer|Uint8Array)<ArrayBufferLike>/g, '$1')
      writeFileSync(join(to, entry.name), text)
    }
  }
}

/** Bundles every published package. */
export async function bundleAll() {
  for (const one of packages) await bundlePackage(one)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleAll()
