/** The step's name, on the command line and in the summary. */
export const KERNEL61 = 'kernel61';
