// Side by side, in turn: in each round every node makes the same calls, and who is first changes from round to round.

const WARM_UP = 2;

/** How many containers a node needs for that many measured rounds, when each round has a fresh one. */
export function containersFor(rounds) {
  return rounds + WARM_UP;
}

/**
 * Runs the rounds: ADD by each node, CHECK by each, DEL by each. The first two are not counted: they bring the files
 * into memory and make the bridge.
 * @returns milliseconds by node's label and command: `{ trestle: { ADD: [12.1, …], … }, … }`
 */
export async function runRounds(nodes, rounds, commands = ['ADD', 'CHECK', 'DEL', 'VERSION']) {
  const samples = Object.fromEntries(nodes.map(({ label }) => [label, emptyLists(commands)]));
  for (let round = 0; round < rounds + WARM_UP; round += 1) {
    const turn = round % 2 === 0 ? nodes : nodes.toReversed();
    const measured = await runRound(turn, round, commands);
    if (round < WARM_UP) continue;
    for (const { label, command, ms } of measured) samples[label][command].push(ms);
  }
  return samples;
}

async function runRound(nodes, round, commands) {
  const measured = [];
  const results = new Map();
  for (const command of commands) {
    for (const node of nodes) {
      const container = round % node.pods.length;
      const { ms, result } = await node.call(command, container, { prevResult: results.get(node) });
      if (command === 'ADD') results.set(node, result);
      measured.push({ label: node.label, command, ms });
    }
  }
  return measured;
}

function emptyLists(commands) {
  return Object.fromEntries(commands.map((command) => [command, []]));
}
