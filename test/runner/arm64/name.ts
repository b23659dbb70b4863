/** The step's name, on the command line and in the summary. */
export const ARM64 = 'arm64';
