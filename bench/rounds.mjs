// Side by side, in turn: in each round every node makes the same calls, and who is first changes from round to round.

const WARM_UP = 2;

/** How many containers a node needs for that many measured rounds, when each round has a fresh one. */
export function containersFor(rounds) {
  return rounds + WARM_UP;
}

/**
 * Runs the rounds: ADD by each node, CHECK by each, DEL by each. The first two are not counted: they bring the files
 * into memory and make the bridge. Containers are taken in turn, from `first` on.
 * @returns by node's label and command, a list for each thing that was noted:
 *   `{ trestle: { ADD: { ms: [12.1, …], processorMs: […], peakMiB: […] }, … }, … }`
 */
export async function runRounds(nodes, rounds, commands = ['ADD', 'CHECK', 'DEL', 'VERSION'], first = 0) {
  const samples = Object.fromEntries(nodes.map(({ label }) => [label, emptyLists(commands)]));
  for (let round = 0; round < rounds + WARM_UP; round += 1) {
    const turn = round % 2 === 0 ? nodes : nodes.toReversed();
    const measured = await runRound(turn, round, commands, first);
    if (round < WARM_UP) continue;
    for (const { label, command, ...noted } of measured) {
      for (const [what, list] of Object.entries(samples[label][command])) list.push(noted[what]);
    }
  }
  return samples;
}

async function runRound(turn, round, commands, first) {
  const measured = [];
  const results = new Map();
  for (const command of commands) {
    for (const node of turn) {
      const container = first + (round % (node.pods.length - first));
      const { result, ...noted } = await node.call(command, container, { prevResult: results.get(node) });
      if (command === 'ADD') results.set(node, result);
      measured.push({ ...noted, label: node.label, command });
    }
  }
  return measured;
}

function emptyLists(commands) {
  return Object.fromEntries(commands.map((command) => [command, { ms: [], processorMs: [], peakMiB: [] }]));
}
