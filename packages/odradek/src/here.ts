/** Where this package is, for threads that load a module of it. The CommonJS build has its own. */
// @ts-ignore The CommonJS emit refuses import.meta; the build replaces that output.
export const here: string = import.meta.url
