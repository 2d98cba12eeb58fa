// Packs every package as npm will publish it: what `scripts/bundle.js` made of it. Used by the
// checks of what users will install.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The published packages: `{ folder, manifest }` each. */
export const packages = workspaces
  .map((folder) => ({
    folder: join(root, folder),
    manifest: JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
  }))
  .filter(({ manifest }) => manifest.private !== true)

/** Bundles and packs them into a folder; `{ name, tarball }` each. */
export function packAll(destination) {
  execFileSync(process.execPath, [join(root, 'scripts', 'bundle.js')], { stdio: 'inherit' })
  return packages.map(({ folder, manifest }) => {
    const out = execFileSync(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', destination],
      {
        cwd: join(folder, manifest.publishConfig.directory),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const said = JSON.parse(out)
    const [{ filename }] = Array.isArray(said) ? said : Object.values(said)
    return { name: manifest.name, tarball: join(destination, filename) }
  })
}
