/** Where this package's code is; the build gives the CommonJS copy its own way of saying so. */
// @ts-ignore: import.meta does not compile in the CommonJS emit, whose file is replaced.
export const here: string = import.meta.url
