/** The operator's command line: what the program does when no runtime calls it. */

declare const TRESTLE_VERSION: string | undefined;

/** The version of this build. */
const VERSION = typeof TRESTLE_VERSION === 'undefined' ? 'unbuilt' : TRESTLE_VERSION;

const USAGE = `trestle ${VERSION}: a CNI plugin that puts containers on a Linux bridge

A container runtime runs it with CNI_COMMAND and a configuration on stdin.
By hand:

  trestle --version   print the version
  trestle --help      print this text

To try it on a network namespace of yours:

  ip netns add demo
  echo '{"cniVersion":"1.0.0","name":"demo","type":"trestle","isDefaultGateway":true,
         "ipam":{"type":"trestle-ipam","subnet":"10.99.0.0/24"}}' |
    CNI_COMMAND=ADD CNI_CONTAINERID=demo CNI_NETNS=/run/netns/demo CNI_IFNAME=eth0 trestle
`;

/** Carries out a command line. @returns the exit status: 0, or 2 for a command line that is not understood */
export function runCommandLine(
  args: readonly string[],
  write: (text: string) => void,
  complain: (text: string) => void,
): number {
  const [first] = args;
  if (first === '--version') write(`trestle ${VERSION}\n`);
  else if (first === '--help' || first === '-h' || first === 'help') write(USAGE);
  else if (first === undefined) complain(USAGE);
  else complain(`trestle: ${JSON.stringify(first)} is not understood; try trestle --help\n`);
  return first === '--version' || first === '--help' || first === '-h' || first === 'help' ? 0 : 2;
}
