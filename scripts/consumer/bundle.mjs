// Bundles `program.mjs` and `lambda.mjs` as users do, with the bundlers that are installed here: no
// flags but the platform. Warnings are errors. Prints the files.
import commonjs from '@rollup/plugin-commonjs'
import resolve from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import webpack from 'webpack'

const PROGRAM = './program.mjs'

async function withEsbuild(entry, name, format) {
  const outfile = `bundled/${name}.${format === 'esm' ? 'mjs' : 'cjs'}`
  const options = { bundle: true, platform: 'node', format, outfile, logLevel: 'silent' }
  const { warnings } = await build({ entryPoints: [entry], ...options })
  if (warnings.length > 0) throw new Error(`esbuild: ${JSON.stringify(warnings)}`)
  console.log(outfile)
}

async function withRollup() {
  const bundle = await rollup({
    input: PROGRAM,
    external: [/^node:/],
    plugins: [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs()],
    onwarn: (warning) => {
      throw new Error(`rollup: ${warning.message}`)
    },
  })
  for (const [format, type] of [
    ['es', 'mjs'],
    ['cjs', 'cjs'],
  ]) {
    const file = `bundled/rollup.${type}`
    await bundle.write({ file, format, inlineDynamicImports: true })
    console.log(file)
  }
}

async function withWebpack(format) {
  const isModule = format === 'module'
  const filename = `webpack.${isModule ? 'mjs' : 'cjs'}`
  const compiler = webpack({
    entry: PROGRAM,
    target: 'node20',
    mode: 'production',
    experiments: { outputModule: isModule },
    output: { path: `${import.meta.dirname}/bundled`, filename, library: { type: format } },
    plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 })],
  })
  await new Promise((done, failed) => {
    compiler.run((error, stats) => {
      if (error) failed(error)
      else if (stats.hasErrors() || stats.hasWarnings()) {
        failed(new Error(`webpack: ${stats.toString('errors-warnings')}`))
      } else done()
    })
  })
  console.log(`bundled/${filename}`)
}

await withEsbuild(PROGRAM, 'esbuild', 'esm')
await withEsbuild(PROGRAM, 'esbuild', 'cjs')
await withEsbuild('./lambda.mjs', 'lambda', 'esm')
await withEsbuild('./lambda.mjs', 'lambda', 'cjs')
await withRollup()
await withWebpack('module')
await withWebpack('commonjs2')
