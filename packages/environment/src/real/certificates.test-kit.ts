/**
 * Certificates made with openssl when tests run: an authority, a server's for `localhost` and
 * 127.0.0.1, a client's, and one by an untrusted authority.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Identity {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  readonly ca: string
  readonly server: Identity
  readonly client: Identity
  readonly stranger: Identity
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-certificates-'))
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const authority = (name: string): void => {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
    openssl('req', '-x509', ...KEY, ...files, '-subj', `/CN=${name}`)
  }
  const issue = (name: string, subject: string, by: string): Identity => {
    openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject)
    const issuer = ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial']
    const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', 'names.cnf']
    openssl('x509', '-req', ...files, ...issuer, '-days', '2')
    return { cert: read(`${name}.crt`), key: read(`${name}.key`) }
  }
  try {
    writeFileSync(join(folder, 'names.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    authority('authority')
    authority('nobody')
    return {
      ca: read('authority.crt'),
      server: issue('server', '/CN=server', 'authority'),
      client: issue('client', '/C=DE/O=Acme, Inc./OU=Mail/CN=client', 'authority'),
      stranger: issue('stranger', '/CN=client', 'nobody'),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The reason why certificates cannot be made here, or undefined. */
export function whyNoCertificates(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'openssl is not installed'
  }
}
