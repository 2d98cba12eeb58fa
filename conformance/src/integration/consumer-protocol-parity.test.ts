/** What holds for consumers of classic groups holds under KIP-848: the same scenarios once more. */
process.env['GROUP_PROTOCOL'] = 'consumer'
await import('./consumer.test.ts')
await import('./iteration.test.ts')
await import('./group.test.ts')
