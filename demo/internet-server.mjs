// The internet host's web server: tells every visitor the source address it came from.
//   node internet-server.mjs ADDRESS…

import { createServer } from 'node:http';

const addresses = process.argv.slice(2);
let listening = 0;

for (const address of addresses) {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress));
  server.listen(80, address, () => {
    listening += 1;
    if (listening === addresses.length) process.send('listening');
  });
}

process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
