// The drawing of a topology: the internet host on top, the node with its bridge below it, the containers below that.
//
//          ╭─ internet ─╮
//          ╰─────┬──────╯
//   ╭─ node ─────┴───────────────╮
//   │   ┌─ cni0 ─────────────┐   │
//   │   └──┬───────┬──────┬──┘   │
//   ╰──────┼───────┼──────┼──────╯
//       ╭─ web ─╮╭─ api ─╮╭─ db ─╮

import { openCanvas } from './canvas.mjs';

const GAP = 2;
const INSET = 2;
const MIN_BOX = 28;

/** @returns the lines of the drawing; 96 columns for three containers. */
export function drawTopology({ internet, uplink, bridge, masqueraded, ports }) {
  const boxes = placeContainers(ports);
  const width = Math.max(60, boxes.at(-1)?.right ?? 0) + INSET;
  const canvas = openCanvas(
    width,
    15 + internet.addresses.length + Math.max(0, ...boxes.map((box) => box.lines.length)),
  );
  const middle = Math.floor(width / 2);
  const nodeTop = drawInternet(canvas, internet, middle) + 1;
  const bridgeTop = nodeTop + 3;
  const nodeBottom = bridgeTop + 5;
  canvas.box({ x: 0, y: nodeTop, width, height: nodeBottom - nodeTop + 1, title: 'node' });
  drawUplink(canvas, { uplink, masqueraded, middle, nodeTop });
  if (bridge) drawBridge(canvas, bridge, { y: bridgeTop, width: width - 2 * INSET, middle });
  for (const box of boxes) drawContainer(canvas, box, { bridgeBottom: bridgeTop + 2, nodeBottom });
  return canvas.lines();
}

function placeContainers(ports) {
  const contents = ports.map(({ container }) => container?.addresses.map((address) => `eth0  ${address}`) ?? []);
  const width = Math.max(MIN_BOX, ...contents.flat().map((line) => line.length + 4));
  return ports.map(({ hostVeth, container }, i) => {
    const x = INSET + i * (width + GAP);
    return { x, width, right: x + width, middle: x + Math.floor(width / 2), hostVeth, container, lines: contents[i] };
  });
}

/** @returns the row below the box. */
function drawInternet(canvas, internet, middle) {
  const width = Math.max(...internet.addresses.map((address) => address.length)) + 10;
  const height = internet.addresses.length + 2;
  const x = middle - Math.floor(width / 2);
  canvas.box({ x, y: 0, width, height, title: 'internet' });
  drawInterface(canvas, x + 2, 1, internet);
  canvas.text(middle, height - 1, '┬', 'dim');
  canvas.column(middle, height, height, 'dim');
  return height;
}

function drawUplink(canvas, { uplink, masqueraded, middle, nodeTop }) {
  canvas.text(middle, nodeTop, '┴', 'dim');
  const line = [uplink.interface, ...uplink.addresses].join('  ');
  const x = middle - Math.floor(line.length / 2);
  canvas.text(x, nodeTop + 1, uplink.interface, 'bold');
  canvas.text(x + uplink.interface.length, nodeTop + 1, line.slice(uplink.interface.length), 'cyan');
  canvas.text(middle, nodeTop + 2, '┊', 'dim');
  canvas.text(middle + 2, nodeTop + 2, `routed; ${masqueraded} addresses masqueraded`, 'dim');
}

function drawBridge(canvas, bridge, { y, width, middle }) {
  canvas.box({ x: INSET, y, width, height: 3, title: bridge.interface, corners: 'square' });
  canvas.text(middle, y, '┴', 'dim');
  canvas.text(INSET + 2, y + 1, bridge.addresses.join('  '), 'cyan');
  const hardware = `${bridge.mac}  mtu ${bridge.mtu}`;
  canvas.text(INSET + width - 2 - hardware.length, y + 1, hardware, 'dim');
}

/** From the bridge's port down through the node's border to the container. */
function drawContainer(canvas, { x, width, middle, hostVeth, container, lines }, { bridgeBottom, nodeBottom }) {
  canvas.text(middle, bridgeBottom, '┬', 'dim');
  canvas.column(middle, bridgeBottom + 1, nodeBottom + 1, 'dim');
  canvas.text(middle - Math.floor(hostVeth.length / 2), bridgeBottom + 2, hostVeth, 'bold');
  canvas.text(middle, nodeBottom, '┼', 'dim');
  const y = nodeBottom + 2;
  canvas.box({ x, y, width, height: lines.length + 2, title: container?.name ?? '?' });
  canvas.text(middle, y, '┴', 'dim');
  if (container) drawInterface(canvas, x + 2, y + 1, container);
}

function drawInterface(canvas, x, y, { interface: name, addresses }) {
  canvas.text(x, y, name, 'bold');
  for (const [i, address] of addresses.entries()) canvas.text(x + 6, y + i, address, 'cyan');
}
